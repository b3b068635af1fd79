//! Tests of environments that somebody deletes: reads and lists give the same answer about them.

use std::time::Duration;

use keyway_client::{Error, Resolution, Secrets};
use keyway_secrets::{EnvironmentFilter, ListQuery, SecretStore, StoreError};
use pollster::block_on;
use serde_json::json;

use crate::double::LockerDouble;
use crate::recorded_world::{at, page, secret};
use crate::scripted_service::ScriptedService;
use crate::session_tests::store;
use crate::vectors;

/// Lists the names in an environment, page by page.
fn names(store: &dyn SecretStore, environment: &str) -> Result<Vec<String>, StoreError> {
    let name = at("x", Some(environment)).environment.unwrap();
    let mut query = ListQuery::all().of(EnvironmentFilter::In(name)).limit(1);
    let mut names = Vec::new();
    loop {
        let page = block_on(store.list(&query))?;
        names.extend(page.secrets.iter().map(|secret| secret.header.address.name.to_string()));
        let Some(next) = page.next else { return Ok(names) };
        query = query.after(next);
    }
}

#[test]
fn a_secret_whose_environment_has_no_record_any_more_is_read_and_listed() {
    let key = vectors::recorded_key();
    let rows = [
        secret(&key, "1", "A", Some("prod"), "A-prod"),
        secret(&key, "2", "B", Some("prod"), "B-prod"),
        secret(&key, "3", "A", None, "A-all"),
    ];
    let service = ScriptedService::start(move |request| {
        let hash = request.query("hash").unwrap_or_default();
        let chosen = rows.iter().filter(|row| hash.is_empty() || row["secret_hash"] == hash);
        match request.path.split('?').next() {
            Some("/v1/secrets") => page(&chosen.cloned().collect::<Vec<_>>()),
            Some("/v1/environments") => page(&[]),
            _ => crate::scripted_service::answer(200, &json!(0)),
        }
    });
    let store = service.store(json!({}));
    assert_eq!(block_on(store.get(&at("B", Some("prod")))).unwrap().value.expose_text(), Some("B-prod"));
    assert_eq!(names(&*store, "prod").unwrap(), ["A", "B"]);
    let error = names(&*store, "nosuch").unwrap_err();
    assert!(matches!(error, StoreError::EnvironmentNotFound { .. }), "{error:?}");
    let error = block_on(store.get(&at("A", Some("nosuch")))).unwrap_err();
    assert!(matches!(error, StoreError::EnvironmentNotFound { .. }), "{error:?}");
}

#[test]
fn a_kept_environment_does_not_make_a_deleted_one_an_empty_one() {
    let double = LockerDouble::start().unwrap();
    let prod = double.put_environment("prod", "");
    double.put_secret("A", Some("prod"), "A-prod", "");
    double.put_secret("B", None, "B-all", "");
    let store = store(&double);
    let prod_of = || {
        Secrets::builder(store.clone())
            .build()
            .in_environment("prod")
            .with_resolution(Resolution::SharedFallback)
    };
    assert_eq!(block_on(prod_of().get("B")).unwrap().unwrap().expose(), "B-all");
    // Answers are as old as their millisecond, so the next one has to come in a later millisecond.
    std::thread::sleep(Duration::from_millis(2));
    double.delete(&prod);
    // The answers about "A" and the list are not kept yet, and the one about the environment is.
    let error = block_on(prod_of().get("A")).unwrap_err();
    assert!(matches!(error, Error::EnvironmentNotFound { .. }), "{error:?}");
    let error = block_on(prod_of().list()).unwrap_err();
    assert!(matches!(error, Error::EnvironmentNotFound { .. }), "{error:?}");
    let error = names(&*store, "prod").unwrap_err();
    assert!(matches!(error, StoreError::EnvironmentNotFound { .. }), "{error:?}");
}

#[test]
fn an_empty_environment_is_listed_and_asked_for_once() {
    let double = LockerDouble::start().unwrap();
    double.put_environment("prod", "");
    double.put_secret("B", None, "B-all", "");
    let store = store(&double);
    for _ in 0..2 {
        assert!(names(&*store, "prod").unwrap().is_empty());
        let error = block_on(store.get(&at("B", Some("prod")))).unwrap_err();
        assert!(matches!(error, StoreError::SecretNotFound { .. }), "{error:?}");
    }
    let asked = double.take_requests();
    let asked = asked.iter().filter(|request| request.path.starts_with("/v1/environments")).count();
    assert!(asked <= 2, "{asked}");
}
