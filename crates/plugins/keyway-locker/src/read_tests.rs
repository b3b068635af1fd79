//! Tests of reads against a service on the loopback, with the recorded requests and answers of the Go client.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keyway_client::{Error, Resolution, Secrets};
use keyway_core::{ErrorKind, PluginError as _, SecretValue};
use keyway_secrets::{EnvironmentFilter, ListQuery, NewSecret, SecretChange, SecretStore, StoreError};
use pollster::block_on;
use serde_json::json;

use crate::item_key::ItemKey;
use crate::lookup::lookup_hash;
use crate::recorded_world::{PROJECT, World, at, environment, page, secret};
use crate::scripted_service::{LOST, ScriptedService, answer};
use crate::vectors;

fn recorded() -> ScriptedService {
    let world = World::recorded();
    ScriptedService::start(move |request| world.answer(request))
}

#[test]
fn a_client_finds_what_the_go_client_finds_unless_the_environment_is_unknown() {
    let store = recorded().store(json!({}));
    let vectors = vectors::of("go.lookup.");
    assert!(vectors.len() >= 10);
    for vector in vectors {
        let (input, expected) = (&vector["input"], &vector["expected"]);
        let key = input["key"].as_str().unwrap();
        let secrets = Secrets::builder(store.clone()).build();
        let secrets = match input["environment"].as_str() {
            Some(environment) => {
                secrets.in_environment(environment).with_resolution(Resolution::SharedFallback)
            }
            None => secrets,
        };
        let found = block_on(secrets.retrieve(key));
        let environments = input["world"]["environments"].as_array().unwrap();
        if !input["environment"].is_null() && !environments.contains(&input["environment"]) {
            assert!(matches!(found, Err(Error::EnvironmentNotFound { .. })), "{}", vector["id"]);
        } else if expected["ok"].is_object() {
            assert_eq!(found.unwrap().expose_text(), expected["ok"]["value"].as_str(), "{}", vector["id"]);
        } else {
            assert!(found.unwrap_err().is_secret_not_found(), "{}", vector["id"]);
        }
    }
}

#[test]
fn a_read_asks_once_with_the_headers_and_the_hash_of_the_go_client() {
    let service = recorded();
    let store = service.store(json!({"headers": {"X-A": "1,2:3"}}));
    let secret = block_on(store.get(&at("A", Some("prod")))).unwrap();
    assert_eq!(secret.value.expose_text(), Some("A-prod"));
    assert_eq!(secret.header.created.unwrap().as_milliseconds(), 1_700_000_000_250);
    let requests = service.requests();
    assert_eq!(requests.len(), 1);
    let vector = vectors::of("go.http.get_cold").remove(0);
    let theirs = &vector["expected"]["requests"][2];
    assert_eq!(requests[0].headers["authorization"], theirs["auth"].as_str().unwrap());
    assert_eq!(requests[0].headers["x-a"], theirs["xa"].as_str().unwrap());
    for name in ["hash", "count_secrets", "page", "paging"] {
        assert_eq!(requests[0].query(name), theirs["query"][name].as_str(), "{name}");
    }
}

#[test]
fn no_other_layer_answers_for_an_address() {
    let store = recorded().store(json!({}));
    let get = |key, environment| block_on(store.get(&at(key, environment)));
    assert!(matches!(get("B", Some("prod")), Err(StoreError::SecretNotFound { .. })));
    assert!(matches!(get("C", None), Err(StoreError::SecretNotFound { .. })));
    assert!(matches!(get("A", Some("PROD")), Err(StoreError::EnvironmentNotFound { .. })));
    assert_eq!(get("E", None).unwrap().value.expose_text(), Some(""));
}

#[test]
fn a_record_with_another_name_than_the_one_asked_for_is_refused() {
    let key = vectors::recorded_key();
    let service = ScriptedService::start(move |_| page(&[secret(&key, "s", "B", None, "swapped")]));
    let error = block_on(service.store(json!({})).get(&at("A", None))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let key = vectors::recorded_key();
    let service = ScriptedService::start(move |_| page(&[environment(&key, "e", "stg", None)]));
    let error =
        block_on(service.store(json!({})).retrieve_environment(&at("x", Some("prod")).environment.unwrap()));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Corrupt);
    let key = vectors::recorded_key();
    let twice = ScriptedService::start(move |_| page(&["s", "t"].map(|id| secret(&key, id, "A", None, "v"))));
    let error = block_on(twice.store(json!({})).get(&at("A", None))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn pages_of_a_list_hold_each_secret_once() {
    let store = recorded().store(json!({}));
    for limit in 1..7 {
        let (mut query, mut found) = (ListQuery::all().with_values().limit(limit), Vec::new());
        loop {
            let page = block_on(store.list(&query)).unwrap();
            assert!(page.secrets.len() <= limit);
            found.extend(page.secrets.into_iter().map(|secret| {
                let value = secret.value.unwrap().expose_text().unwrap().to_owned();
                (secret.header.address.to_string(), value)
            }));
            let Some(next) = page.next else { break };
            query = query.after(next);
        }
        assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (5, 5), "{limit}");
    }
    let names = |filter| {
        let page = block_on(store.list(&ListQuery::all().of(filter))).unwrap();
        page.secrets.iter().map(|secret| secret.header.address.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(EnvironmentFilter::Shared), ["A", "B", "E"]);
    assert_eq!(names(EnvironmentFilter::In(at("x", Some("prod")).environment.unwrap())), ["A", "C"]);
    let unknown = ListQuery::all().of(EnvironmentFilter::In(at("x", Some("nosuch")).environment.unwrap()));
    assert!(matches!(block_on(store.list(&unknown)), Err(StoreError::EnvironmentNotFound { .. })));
}

#[test]
fn a_list_whose_items_move_between_its_pages_is_read_again() {
    let (asked, key) = (AtomicUsize::new(0), vectors::recorded_key());
    let service = ScriptedService::start(move |request| {
        // In the first attempt, "b" is removed after the first page was read. So "c" moves from the second page to the
        // first, and this attempt does not see it.
        let is_first = asked.fetch_add(1, Ordering::Relaxed) < 2;
        let ids: &[&str] = match (request.query("page"), is_first) {
            (Some("1"), true) => &["a", "b"],
            (Some("1"), false) => &["a", "c"],
            _ => &["d"],
        };
        let items: Vec<_> = ids.iter().map(|id| secret(&key, id, id, None, "v")).collect();
        let next = (request.query("page") == Some("1")).then_some("/v1/secrets?page=2");
        let count = if is_first && request.query("page") == Some("1") { 4 } else { 3 };
        answer(200, &json!({"count": count, "next": next, "results": items}))
    });
    let page = block_on(service.store(json!({})).list(&ListQuery::all())).unwrap();
    let names: Vec<_> = page.secrets.iter().map(|secret| secret.header.id.as_str()).collect();
    assert_eq!((names, service.requests().len()), (vec!["a", "c", "d"], 4));
}

#[test]
fn the_store_exists_already_and_counts_its_secrets() {
    let store = recorded().store(json!({}));
    assert!(matches!(block_on(store.initialize()), Err(StoreError::AlreadyInitialized)));
    let info = block_on(store.info()).unwrap();
    assert_eq!((info.secrets.number, info.secrets.exact, info.written_by.is_none()), (5, true, true));
    let page = block_on(store.list_environments(None, 1)).unwrap();
    assert_eq!(page.environments[0].name.as_str(), "prod");
    assert_eq!(page.environments[0].external_url.as_deref(), Some("p.host"));
    let last = block_on(store.list_environments(page.next.as_ref(), 1)).unwrap();
    assert_eq!((last.environments[0].name.as_str(), last.next.is_none()), ("stg", true));
}

#[test]
fn a_read_is_repeated_as_configured_and_a_deadline_holds_for_all_attempts() {
    let asked = AtomicUsize::new(0);
    let world = World::recorded();
    let flaky = ScriptedService::start(move |request| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => (503, vec![], String::new()),
        1 => (LOST, vec![], String::new()),
        _ => world.answer(request),
    });
    let found = block_on(flaky.store(json!({"retries": 2})).get(&at("A", None))).unwrap();
    assert_eq!((found.value.expose_text(), flaky.requests().len()), (Some("A-all"), 3));

    let busy = ScriptedService::start(|_| (429, vec![("retry-after", "60".into())], "{}".into()));
    let started = Instant::now();
    let store = busy.store(json!({"retries": 9, "call_seconds": 20}));
    let error = Error::from(block_on(store.get(&at("A", None))).unwrap_err());
    assert_eq!((error.code(), error.retry_after()), ("rate_limit", Some(Duration::from_secs(60))));
    assert!(started.elapsed() < Duration::from_secs(10), "it waits for an attempt that the deadline forbids");
    assert_eq!(busy.requests().len(), 1);
}

#[test]
fn without_retries_one_failure_is_the_answer() {
    let service = ScriptedService::start(|_| (500, vec![], r#"{"code": "s", "message": "down"}"#.into()));
    let error = Error::from(block_on(service.store(json!({})).get(&at("A", None))).unwrap_err());
    assert_eq!((error.code(), error.http_status()), ("server_error", Some(500)));
    assert_eq!(error.http_body().unwrap().as_json()["code"], "s");
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn credentials_that_were_refused_are_read_again() {
    let asked = AtomicUsize::new(0);
    let world = World::recorded();
    let service = ScriptedService::start(move |request| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => (401, vec![], "{}".into()),
        _ => world.answer(request),
    });
    let store = service.store(json!({}));
    let error = Error::from(block_on(store.get(&at("A", None))).unwrap_err());
    assert_eq!(error.code(), "unauthorized");
    assert_eq!(service.connections(), 1);
    block_on(store.get(&at("A", None))).unwrap();
    assert_eq!(service.connections(), 2);
    assert!(!format!("{store:?}").contains("0f8fad5b"), "{store:?}");
}

#[test]
fn a_kept_answer_needs_no_service_until_it_is_too_old_or_something_is_written() {
    let (world, is_down) = (World::recorded(), Arc::new(AtomicBool::new(false)));
    let down = Arc::clone(&is_down);
    let service =
        ScriptedService::start(move |request| match (down.load(Ordering::Relaxed), &*request.method) {
            (true, _) => (500, vec![], r#"{"code": "s", "message": "down"}"#.into()),
            (false, "GET") => world.answer(request),
            _ => answer(200, &secret(&vectors::recorded_key(), "n", "N", None, "v")),
        });
    let store = service.store(json!({"max_age_seconds": 600}));
    assert_eq!(store.capabilities().staleness, Duration::from_secs(600));
    let get = |key| block_on(store.get(&at(key, None)));
    assert_eq!(get("A").unwrap().value.expose_text(), Some("A-all"));
    is_down.store(true, Ordering::Relaxed);
    assert_eq!(get("A").unwrap().value.expose_text(), Some("A-all"));
    assert_eq!(get("B").unwrap_err().kind(), ErrorKind::Unavailable { retry_after: None });
    assert_eq!(service.requests().len(), 2);

    is_down.store(false, Ordering::Relaxed);
    block_on(store.create(NewSecret::new(at("N", None), SecretValue::text("v")))).unwrap();
    is_down.store(true, Ordering::Relaxed);
    assert!(get("A").is_err(), "an answer from before a write is returned");
    is_down.store(false, Ordering::Relaxed);
    let info = block_on(store.info()).unwrap();
    assert_eq!((info.reads, info.writes), (2, 1));

    get("B").unwrap();
    service.requests();
    let changed = block_on(store.modify(&at("B", None), SecretChange::value(SecretValue::text("v"))));
    assert_eq!(changed.unwrap_err().kind(), ErrorKind::Indeterminate, "the answer is about another secret");
    assert_eq!(service.requests().len(), 2, "a write relies on a kept answer");

    let fresh = service.store(json!({}));
    assert!(fresh.capabilities().immediate());
    service.requests();
    for _ in 0..2 {
        block_on(fresh.get(&at("A", None))).unwrap();
    }
    assert_eq!(service.requests().len(), 2);
}

#[test]
fn an_answer_that_cannot_be_read_is_not_kept() {
    let (asked, world) = (AtomicUsize::new(0), World::recorded());
    let service = ScriptedService::start(move |request| match asked.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => (200, vec![], "<html>the gateway</html>".into()),
        _ => world.answer(request),
    });
    let store = service.store(json!({"max_age_seconds": 600}));
    block_on(store.get(&at("A", None))).unwrap_err();
    block_on(store.info()).unwrap_err();
    block_on(store.get(&at("A", None))).unwrap();
    block_on(store.info()).unwrap();
}

#[test]
fn an_answer_that_does_not_open_is_not_kept() {
    type Read = fn(&dyn SecretStore) -> Result<(), StoreError>;
    let reads: [Read; 5] = [
        |store: &dyn SecretStore| block_on(store.get(&at("A", None))).map(drop),
        |store: &dyn SecretStore| block_on(store.list(&ListQuery::all())).map(drop),
        |store: &dyn SecretStore| block_on(store.list_environments(None, 9)).map(drop),
        |store: &dyn SecretStore| {
            block_on(store.retrieve_environment(&at("x", Some("prod")).environment.unwrap())).map(drop)
        },
        // The environment has no such secret, so its record decides.
        |store: &dyn SecretStore| match block_on(store.get(&at("B", Some("prod")))) {
            Err(StoreError::SecretNotFound { .. }) => Ok(()),
            other => other.map(drop),
        },
    ];
    for read in reads {
        let (world, is_damaged) = (World::recorded(), Arc::new(AtomicBool::new(true)));
        let damaged = Arc::clone(&is_damaged);
        let (other_key, hash_of_b) = (ItemKey::new(&[5; 32], &[5; 32]), lookup_hash(PROJECT, "B"));
        let service = ScriptedService::start(move |request| {
            if !damaged.load(Ordering::SeqCst) || request.query("hash") == Some(&*hash_of_b) {
                world.answer(request)
            } else if request.path.starts_with("/v1/environments") {
                page(&[environment(&other_key, "e", "prod", None)])
            } else {
                page(&[secret(&other_key, "s", "A", None, "v")])
            }
        });
        let store = service.store(json!({"max_age_seconds": 600}));
        assert_eq!(read(&*store).unwrap_err().kind(), ErrorKind::Corrupt);
        is_damaged.store(false, Ordering::SeqCst);
        read(&*store).unwrap();
        service.requests();
        read(&*store).unwrap();
        assert_eq!(service.requests().len(), 0, "a sound answer is kept");
    }
}
