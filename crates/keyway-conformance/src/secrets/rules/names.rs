//! Tests names: all allowed names are distinct, and no other names can be created.

use keyway_secrets::{EnvironmentName, NewSecret, SecretAddress, SecretChange, SecretName, SecretStore};

use super::{
    Answer, Checked, ENVIRONMENTS, InvalidName, SecretNotFound, Snapshot, StoreFixture, add_environments, at,
    ensure, environment, list_all_environments, new, rules, text,
};
use crate::path_trap::PathTrap;

rules! {
    in StoreFixture;
    "SEC-050" Must from ["C9"]
        "Every allowed name can be used exactly as written, and is not a path."
        all_names_work;
    "SEC-051" Must from ["C9", "C6"]
        "`create` refuses a name that is not allowed as `InvalidName`, and no other operation finds it."
        other_names_are_refused;
    "SEC-052" Must needs ENVIRONMENTS from ["C9", "Locker/create_environment"]
        "Every allowed name of an environment can be used exactly as written."
        all_environment_names_work;
}

/// Names that some stores handle wrongly, separated by bars. A faulty store may use a name as a path. Such a path does
/// no harm: it leads at most to the folder around the store's folder, which belongs to the rule.
const UNUSUAL: &str = "k|K|key|KEY|Key| key|key |k e y|.|..|a/../b|a/b|a\\b|C:\\x|~|*|%2e%2e|a=b|a.b|\
    [section]|#comment|'|\"|null|0|-1|\u{e9}|e\u{301}|\u{1f511}|\u{202e}gnp|stored_secrets|config|__info__|a:b|a,b";

fn unusual(trap: &PathTrap) -> Vec<String> {
    let mut names: Vec<_> = UNUSUAL.split('|').map(str::to_owned).collect();
    names.extend(trap.names().into_iter().map(|(_, name)| name));
    names.push("n".repeat(SecretName::MAX_BYTES));
    names.push(format!("{}m", "n".repeat(SecretName::MAX_BYTES - 1)));
    names.push("\u{1f511}".repeat(SecretName::MAX_BYTES / 4));
    names
}

async fn all_names_work(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let trap = PathTrap::new(fixture.canary("file"))?;
    let names = unusual(&trap);
    for (number, name) in names.iter().enumerate() {
        store.create(new(name, &number.to_string())).await.works("creating a secret")?;
    }
    let reopened = fixture.open()?;
    for (number, name) in names.iter().enumerate() {
        let secret = reopened.get(&at(name)).await.works("reading it")?;
        let value = secret.value.expose_text();
        ensure(value == Some(&number.to_string()), format!("the value of name {number}"), "another one")?;
        ensure(secret.header.address == at(name), at(name).to_string(), secret.header.address.to_string())?;
    }
    let snapshot = Snapshot::of(&reopened).await?;
    let listed = names.iter().filter(|name| snapshot.secrets.contains_key(&at(name))).count();
    let (expected, observed) = (names.len(), format!("{listed}, and {} in all", snapshot.secrets.len()));
    let complete = listed == expected && snapshot.secrets.len() == expected;
    ensure(complete, format!("all {expected} in the list"), observed)
}

async fn other_names_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let (store, before) = fixture.seen(&["a"]).await?;
    let long = "n".repeat(SecretName::MAX_BYTES + 1);
    for name in ["", "a\u{0}", "a\nb", "\u{1b}[31m", "\u{85}", long.as_str()] {
        let address = SecretAddress::shared(SecretName::of_existing(name));
        store.create(NewSecret::new(address.clone(), text("v"))).await.refused("`create`", &[InvalidName])?;
        let nothing = [SecretNotFound, InvalidName];
        store.get(&address).await.refused("`get`", &nothing)?;
        store.modify(&address, SecretChange::value(text("v"))).await.refused("`modify`", &nothing)?;
        if store.capabilities().destroys {
            store.destroy(&address, None).await.refused("`destroy`", &nothing)?;
        }
    }
    before.must_hold_in(&store, "after refusals").await
}

async fn all_environment_names_work(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.initialized().await?;
    let trap = PathTrap::new(fixture.canary("file"))?;
    let mut names = unusual(&trap);
    // Keeps only one long name, because a store in a single document is slow with many of them.
    names.retain(|name| name.len() < 100);
    names.push("n".repeat(EnvironmentName::MAX_BYTES));
    for (number, name) in names.iter().enumerate() {
        add_environments(&store, &[name]).await?;
        let address = SecretAddress::in_environment(at("a").name, environment(name));
        let new = NewSecret::new(address, text(&number.to_string()));
        store.create(new).await.works("creating a secret in it")?;
    }
    let reopened = fixture.open()?;
    for (number, name) in names.iter().enumerate() {
        let found = reopened.retrieve_environment(&environment(name)).await.works("reading it")?;
        let expected = format!("the name {number} as written");
        ensure(found.name == environment(name), expected, found.name.to_string())?;
        let address = SecretAddress::in_environment(at("a").name, environment(name));
        let secret = reopened.get(&address).await.works("reading a secret in it")?;
        let value = secret.value.expose_text();
        let expected = format!("the value in environment {number}");
        ensure(value == Some(&number.to_string()), expected, "another one")?;
    }
    let listed = list_all_environments(&reopened, 10).await?.len();
    ensure(listed == names.len(), format!("all {} in the list", names.len()), listed.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use super::UNUSUAL;

    /// Checks each name as a path. A mutant once used a name that led out of the rule's folder, and overwrote a
    /// machine's list of users.
    #[test]
    fn no_name_leads_out_of_the_folder_of_the_rule() {
        for name in UNUSUAL.split('|') {
            let mut depth = 1;
            for component in Path::new(name).components() {
                depth += match component {
                    Component::Normal(_) => 1,
                    Component::ParentDir => -1,
                    Component::CurDir => 0,
                    Component::RootDir | Component::Prefix(_) => panic!("{name} is absolute"),
                };
                assert!(depth >= 0, "{name}");
            }
        }
    }
}
