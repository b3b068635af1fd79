//! Tests of several callers of one handle, over the double of the service.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use keyway_client::Credentials;
use keyway_core::{Resources, SecretValue};
use keyway_secrets::{SecretChange, SecretStore};
use pollster::block_on;
use serde_json::json;

use crate::double::{Fault, LockerDouble, Route};
use crate::recorded_world::at;
use crate::scripted_service::open;

/// The time for which the double delays an answer. Meanwhile a test does several fast requests.
const DELAY: Duration = Duration::from_secs(5);

fn started() -> LockerDouble {
    let double = LockerDouble::start().unwrap();
    for name in ["A", "B"] {
        double.put_secret(name, None, "old", "");
    }
    double
}

pub(crate) fn credentials(double: &LockerDouble) -> Credentials {
    let source = Credentials::source()
        .access_key_id(double.access_key_id())
        .secret_access_key(double.secret_access_key())
        .api_base(double.base());
    source.resolve().unwrap()
}

/// Opens a store that keeps answers in memory.
pub(crate) fn store(double: &LockerDouble) -> Arc<dyn SecretStore> {
    open(json!({"max_age_seconds": 600}), Resources::new().with(credentials(double)))
}

fn value(store: &dyn SecretStore, name: &str) -> String {
    block_on(store.get(&at(name, None))).unwrap().value.expose_text().unwrap().to_owned()
}

/// Waits until the double has received these requests, among all since the last call.
fn wait_for(double: &LockerDouble, method: &str, path: &str, mut requests: usize) {
    let started = Instant::now();
    while requests > 0 {
        let seen = double.take_requests();
        requests -= seen.iter().filter(|seen| seen.method == method && seen.path.starts_with(path)).count();
        assert!(started.elapsed() < Duration::from_secs(60), "no {method} {path}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_write_drops_what_a_session_kept_that_was_opened_during_the_write() {
    let double = started();
    let store = store(&double);
    assert_eq!(value(&*store, "A"), "old");
    double.fail_once(Some(Route::UpdateSecret), Fault::Slow(DELAY));
    let writer = thread::spawn({
        let store = Arc::clone(&store);
        move || block_on(store.modify(&at("A", None), SecretChange::value(SecretValue::text("new"))))
    });
    wait_for(&double, "PUT", "/v1/secrets/", 1);
    // The service refuses the credentials once, so the next read opens another session.
    double.fail_once(
        Some(Route::ListSecrets),
        Fault::Status { code: 401, body: "{}".to_owned(), retry_after: None },
    );
    block_on(store.get(&at("B", None))).unwrap_err();
    assert_eq!(value(&*store, "A"), "old", "the service has not carried the write out");
    writer.join().unwrap().unwrap();
    assert_eq!(value(&*store, "A"), "new");
}

#[test]
fn concurrent_first_calls_work_in_one_session() {
    let double = started();
    let store = store(&double);
    for _ in 0..2 {
        double.fail_once(Some(Route::Profile), Fault::Slow(DELAY));
    }
    let callers = ["A", "B"].map(|name| {
        let store = Arc::clone(&store);
        thread::spawn(move || value(&*store, name))
    });
    wait_for(&double, "GET", "/v1/profile", 2);
    for caller in callers {
        assert_eq!(caller.join().unwrap(), "old");
    }
    double.take_requests();
    // Both answers are kept in the session of the first caller.
    for name in ["A", "B"] {
        value(&*store, name);
    }
    assert_eq!(double.take_requests(), []);
}
