//! Tests names that are paths to a file.

use keyway_secrets::{NewSecret, SecretAddress, SecretChange, SecretStore};

use super::{Checked, ENVIRONMENTS, StoreFixture, at, environment, new_environment, rules, text};
use crate::path_trap::PathTrap;

rules! {
    in StoreFixture;
    "SEC-053" Must from ["C9"]
        "No name of a secret is used as the path of a file that is read, written or removed."
        secrets_are_no_paths;
    "SEC-054" Must needs ENVIRONMENTS from ["C9", "Locker/create_environment"]
        "No name of an environment is used as the path of a file that is read, written or removed."
        environments_are_no_paths;
}

/// Uses an address in every operation. This rule checks only the trap; other rules judge the answers.
async fn used(store: &dyn SecretStore, trap: &PathTrap, address: SecretAddress, form: &str) -> Checked {
    let of = format!("a name that is {form}");
    let mut values = Vec::new();
    values.extend(store.get(&address).await.ok());
    let _ = store.create(NewSecret::new(address.clone(), text("v"))).await;
    trap.is_untouched(&of, "`create`")?;
    values.extend(store.get(&address).await.ok());
    let _ = store.modify(&address, SecretChange::value(text("w"))).await;
    trap.is_untouched(&of, "`modify`")?;
    values.extend(store.get(&address).await.ok());
    let _ = store.destroy(&address, None).await;
    trap.is_untouched(&of, "`destroy`")?;
    let mut texts = values.iter().filter_map(|secret| secret.value.expose_text());
    texts.try_for_each(|text| trap.is_unread(text, &of, "`get`"))
}

async fn secrets_are_no_paths(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let trap = PathTrap::new(fixture.canary("file"))?;
    for (form, name) in trap.names() {
        used(&store, &trap, at(&name), form).await?;
    }
    Ok(())
}

async fn environments_are_no_paths(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let trap = PathTrap::new(fixture.canary("file"))?;
    for (form, name) in trap.names() {
        let of = format!("a name of an environment that is {form}");
        let _ = store.create_environment(new_environment(&name)).await;
        trap.is_untouched(&of, "`create_environment`")?;
        let _ = store.retrieve_environment(&environment(&name)).await;
        used(&store, &trap, SecretAddress::in_environment(at("a").name, environment(&name)), form).await?;
    }
    Ok(())
}
