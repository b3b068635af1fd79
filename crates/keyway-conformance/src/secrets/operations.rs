//! Calls every operation, for rules that apply to all operations.

use keyway_core::SecretValue;
use keyway_secrets::{
    Configure, EnvironmentChange, ListQuery, NewSecret, Recipe, SecretChange, SecretStore, StoreError,
};

use super::expected_error::{Answer, ExpectedError};
use super::fixture::ring;
use super::samples::{at, environment, new, new_environment, silent};
use crate::Broken;

/// The name of an operation, and its answer.
pub(super) type Answered = (&'static str, Result<(), StoreError>);

/// Calls every declared operation that reads or changes content, except `written_by`, `initialize` and
/// `marked_for_delete`. The operations concern the secret `name`, which need not exist.
pub(super) async fn each_operation(store: &dyn SecretStore, name: &str) -> Vec<Answered> {
    let mut answers = each_read(store, name).await;
    answers.extend(each_write(store, name).await);
    if store.capabilities().rotates {
        answers.push(("rotate", store.rotate(&ring(0xabc), &silent).await));
    }
    answers
}

/// Calls every declared operation that only reads.
pub(super) async fn each_read(store: &dyn SecretStore, name: &str) -> Vec<Answered> {
    let address = at(name);
    let mut answers: Vec<Answered> = vec![
        ("get", store.get(&address).await.map(drop)),
        ("list", store.list(&ListQuery::all()).await.map(drop)),
        ("list with values", store.list(&ListQuery::all().with_values()).await.map(drop)),
        ("info", store.info().await.map(drop)),
        ("exact_info", store.exact_info().await.map(drop)),
    ];
    if store.capabilities().configures {
        answers.push(("configure (read)", store.configure(Configure::Read).await.map(drop)));
    }
    if store.capabilities().environments {
        answers.push(("list_environments", store.list_environments(None, 10).await.map(drop)));
        answers.push(("retrieve_environment", store.retrieve_environment(&environment("e")).await.map(drop)));
    }
    answers
}

/// Calls every declared operation that changes content.
pub(super) async fn each_write(store: &dyn SecretStore, name: &str) -> Vec<Answered> {
    let (address, too) = (at(name), at(&format!("{name} too")));
    let change = SecretChange::value(SecretValue::text("other"));
    let mut answers: Vec<Answered> = vec![
        ("create", store.create(new(&format!("{name} too"), "v")).await.map(drop)),
        ("modify", store.modify(&address, change).await.map(drop)),
    ];
    if store.capabilities().configures {
        let settings = store.configure(Configure::Read).await.unwrap_or_default();
        answers.push(("configure (write)", store.configure(Configure::Write(settings)).await.map(drop)));
    }
    if store.capabilities().destroys {
        answers.push(("destroy", store.destroy(&address, None).await));
    }
    if store.capabilities().generates_values {
        let made = NewSecret::generated(at(&format!("{name} made")), Recipe::new());
        answers.push(("create (generated)", store.create(made).await.map(drop)));
        let renewed = SecretChange::generated(Recipe::new());
        answers.push(("modify (generated)", store.modify(&too, renewed).await.map(drop)));
    }
    if store.capabilities().environments {
        answers.push(("create_environment", store.create_environment(new_environment("e")).await.map(drop)));
        let (name, change) = (environment("e"), EnvironmentChange { external_url: None });
        answers.push(("modify_environment", store.modify_environment(&name, change).await.map(drop)));
    }
    answers
}

/// Demands that each operation answered one of these errors.
pub(super) fn all_refused(
    answers: Vec<Answered>,
    when: &str,
    as_one_of: &[ExpectedError],
) -> Result<(), Broken> {
    for (operation, answer) in answers {
        answer.refused(&format!("{operation}{when}"), as_one_of)?;
    }
    Ok(())
}
