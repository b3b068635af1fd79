//! Tests of a project whose key is changed while stores work on it, and of the age of its profile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyway_core::{Clock, ErrorKind, PluginError as _, Resources, SecretValue};
use keyway_secrets::{AcceptedAge, NewEnvironment, NewSecret, SecretStore, StoreError};
use pollster::block_on;
use serde_json::json;

use crate::item_key::ItemKey;
use crate::kept_file_tests::{folder, shared};
use crate::recorded_world::{World, at, environment, secret};
use crate::scripted_service::{
    Request, ScriptedService, answer, open_at, profile_with_key, recorded_profile,
};
use crate::set_clock::SetClock;

/// The byte of which the new key consists.
const NEW: u8 = 7;

fn new_key() -> ItemKey {
    ItemKey::new(&[NEW; 32], &[NEW; 32])
}

/// Starts the recorded project. Writes are answered with what was written, under the new key.
fn started() -> ScriptedService {
    let (world, key) = (World::recorded(), new_key());
    ScriptedService::start(move |request| match (&*request.method, &*request.path) {
        ("GET", _) => world.answer(request),
        (_, "/v1/secrets") => answer(201, &secret(&key, "new", "N", None, "v")),
        _ => answer(201, &environment(&key, "new", "dev", None)),
    })
}

fn writes(service: &ScriptedService) -> Vec<Request> {
    service.requests().into_iter().filter(|request| request.method != "GET").collect()
}

fn create(store: &dyn SecretStore) -> Result<(), StoreError> {
    block_on(store.create(NewSecret::new(at("N", None), SecretValue::text("v")))).map(drop)
}

fn sealed_with_the_new_key(request: &Request, field: &str) -> bool {
    new_key().open(request.body[field].as_str().unwrap()).is_ok()
}

#[test]
fn a_write_uses_the_key_that_the_project_has_now() {
    for configuration in [json!({}), json!({"max_age_seconds": 600})] {
        let service = started();
        let store = service.store(configuration);
        block_on(store.get(&at("A", None))).unwrap();
        service.set_profile(profile_with_key(NEW));
        create(&*store).unwrap();
        let dev = at("x", Some("dev")).environment.unwrap();
        block_on(store.create_environment(NewEnvironment { name: dev, external_url: None })).unwrap();
        let writes = writes(&service);
        assert!(sealed_with_the_new_key(&writes[0], "value") && sealed_with_the_new_key(&writes[1], "name"));
    }
}

#[test]
fn a_write_does_not_use_the_profile_of_the_cache_file() {
    let (service, folder) = (started(), folder());
    block_on(service.store(shared(&folder)).get(&at("A", None))).unwrap();
    service.set_profile(profile_with_key(NEW));
    create(&*service.store(shared(&folder))).unwrap();
    assert!(sealed_with_the_new_key(&writes(&service)[0], "value"));
}

#[test]
fn a_write_asks_for_the_profile_once_and_sends_nothing_without_it() {
    let service = started();
    let store = service.store(json!({"max_age_seconds": 600}));
    service.set_profile(profile_with_key(NEW));
    create(&*store).unwrap();
    assert_eq!((service.connections(), writes(&service).len()), (1, 1), "the first write");
    create(&*store).unwrap();
    assert_eq!((service.connections(), writes(&service).len()), (1, 1), "a later write");

    service.set_profile(recorded_profile());
    let store = service.store(json!({"max_age_seconds": 600}));
    block_on(store.get(&at("A", None))).unwrap();
    service.set_profile(answer(503, &json!({"code": "s", "message": "down"})));
    service.requests();
    assert_eq!(create(&*store).unwrap_err().kind(), ErrorKind::Unavailable { retry_after: None });
    // A write that is not sent leaves the kept answers, so reads go on.
    block_on(store.get(&at("A", None))).unwrap();
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn a_process_that_starts_while_the_service_is_down_reads_whatever_is_kept() {
    let (folder, clock) = (folder(), Arc::new(SetClock::default()));
    let (world, is_down) = (World::recorded(), Arc::new(AtomicBool::new(false)));
    let down = Arc::clone(&is_down);
    let service = ScriptedService::start(move |request| {
        if down.load(Ordering::SeqCst) { answer(503, &json!({})) } else { world.answer(request) }
    });
    let start = |resources: Resources| {
        open_at(shared(&folder), resources.with(service.credentials()), Arc::clone(&clock) as Arc<dyn Clock>)
    };
    // The profile is read at the beginning, "A" later, and "B" still later.
    clock.set(10_000_000);
    let first = start(Resources::new());
    block_on(first.initialize()).unwrap_err();
    clock.set(10_400_000);
    block_on(first.get(&at("A", None))).unwrap();
    clock.set(10_500_000);
    block_on(first.get(&at("B", None))).unwrap();

    is_down.store(true, Ordering::SeqCst);
    service.set_profile(answer(503, &json!({})));
    let is_found = |key: &str| block_on(start(Resources::new()).get(&at(key, None))).is_ok();
    for (now, expected) in [(10_999_999, [true, true]), (11_000_000, [false, true])] {
        clock.set(now);
        assert_eq!(["A", "B"].map(is_found), expected, "{now}");
    }
    // A host that accepts less gets less.
    let strict = Resources::new().with(AcceptedAge(Duration::from_secs(1)));
    assert!(block_on(start(strict).get(&at("B", None))).is_err());
    clock.set(11_100_000);
    assert!(!is_found("B"));
}
