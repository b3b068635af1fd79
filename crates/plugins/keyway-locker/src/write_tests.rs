//! Tests of writes against a service on the loopback, with the recorded bodies of the Go client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyway_core::{Effect, ErrorKind, PluginError as _, SecretValue};
use keyway_secrets::{EnvironmentChange, NewEnvironment, NewSecret, SecretChange, StoreError};
use pollster::block_on;
use serde_json::json;

use crate::recorded_world::{World, at, environment, page, secret};
use crate::scripted_service::{Answer, LOST, Request, ScriptedService, answer};
use crate::vectors;

/// Starts the recorded project. Its writes are answered by `answers`.
fn answering_writes(answers: impl Fn(&Request) -> Answer + Send + 'static) -> ScriptedService {
    let world = World::recorded();
    ScriptedService::start(
        move |request| if request.method == "GET" { world.answer(request) } else { answers(request) },
    )
}

/// Returns the writes that were sent.
fn writes(service: &ScriptedService) -> Vec<Request> {
    service.requests().into_iter().filter(|request| request.method != "GET").collect()
}

/// Compares a request with the recorded one: method, fields, hash, and which fields are encrypted.
fn assert_recorded(request: &Request, vector: &str) {
    let vector = vectors::of(vector).remove(0);
    let expected = &vector["expected"]["writes"][0];
    let body = request.body.as_object().unwrap();
    let mut fields: Vec<&str> = body.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(json!(fields), expected["fields"]);
    assert_eq!((&json!(request.method), &body["hash"]), (&expected["method"], &expected["hash"]));
    for field in expected["encrypted_fields"].as_array().unwrap() {
        let text = body[field.as_str().unwrap()].as_str().unwrap();
        vectors::recorded_key().open(text).expect("it is encrypted with the project's key");
    }
}

/// Answers a write of a secret with a record.
fn record(name: &'static str, environment: Option<&'static str>) -> impl Fn(&Request) -> Answer {
    let key = vectors::recorded_key();
    move |_| answer(200, &secret(&key, "new", name, environment, "v"))
}

fn exists(status: u16, what: &str) -> Answer {
    answer(status, &json!({"code": "x", "message": format!("This {what} hash already exists")}))
}

#[test]
fn a_change_sends_the_body_of_the_go_client() {
    let service = answering_writes(record("A", None));
    let store = service.store(json!({}));
    let change = SecretChange::value(SecretValue::text("A2"));
    let header = block_on(store.modify(&at("A", None), change)).unwrap();
    assert_eq!(header.id, "new");
    let writes = writes(&service);
    assert_recorded(&writes[0], "go.write.update_value");
    assert_eq!(writes[0].path, "/v1/secrets/sec0");
}

#[test]
fn a_change_in_an_environment_never_reaches_a_shared_secret() {
    let service = answering_writes(|_| panic!("a write"));
    let store = service.store(json!({}));
    let change = || SecretChange::value(SecretValue::text("B2"));
    let missing = block_on(store.modify(&at("B", Some("stg")), change()));
    assert!(matches!(missing, Err(StoreError::SecretNotFound { .. })), "{missing:?}");
    let unknown = block_on(store.modify(&at("B", Some("nosuch")), change()));
    assert!(matches!(unknown, Err(StoreError::EnvironmentNotFound { .. })), "{unknown:?}");
    let unknown = NewSecret::new(at("N", Some("nosuch")), SecretValue::text("v"));
    assert!(matches!(block_on(store.create(unknown)), Err(StoreError::EnvironmentNotFound { .. })));
    block_on(store.modify(&at("B", None), SecretChange::default())).unwrap();
    let read = block_on(store.get(&at("B", None))).unwrap();
    let conditional = change().if_unchanged(&read.header);
    let error = block_on(store.modify(&at("B", None), conditional)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(writes(&service).is_empty());
}

#[test]
fn a_new_secret_is_encrypted_except_for_hash_and_id() {
    let service = answering_writes(record("N", Some("prod")));
    let new = NewSecret::new(at("N", Some("prod")), SecretValue::text("pa55word")).with_description("");
    let header = block_on(service.store(json!({})).create(new)).unwrap();
    assert_eq!(header.address, at("N", Some("prod")));
    let writes = writes(&service);
    let body = &writes[0].body;
    let opened = |name: &str| {
        let text = vectors::recorded_key().open_text(body[name].as_str().unwrap()).unwrap();
        text.to_string()
    };
    assert_eq!((writes[0].method.as_str(), body["environment_id"].as_str()), ("POST", Some("env0")));
    assert_eq!(
        ["key", "value", "description", "environment_name"].map(opened),
        ["N", "pa55word", "", "prod"]
    );
    assert!(!body.to_string().contains("pa55word"));
}

#[test]
fn a_duplicate_exists_whatever_the_status_says() {
    for status in [400, 409] {
        let service = answering_writes(move |_| exists(status, "secret"));
        let store = service.store(json!({}));
        let new = NewSecret::new(at("A", None), SecretValue::text("v"));
        assert!(matches!(block_on(store.create(new)), Err(StoreError::SecretExists { .. })));
        let new = NewEnvironment {
            name: at("x", Some("prod")).environment.unwrap(),
            external_url: Some("x".into()),
        };
        assert!(matches!(block_on(store.create_environment(new)), Err(StoreError::EnvironmentExists { .. })));
        assert_recorded(&writes(&service)[1], "go.write.cenv_dup");
    }
}

#[test]
fn an_environment_is_created_and_changed() {
    let key = vectors::recorded_key();
    let service = answering_writes(move |request| {
        let name = if request.method == "POST" { "dev" } else { "prod" };
        answer(
            201,
            &environment(
                &key,
                "e",
                name,
                request.body["external_url"].as_str().filter(|url| !url.is_empty()),
            ),
        )
    });
    let store = service.store(json!({}));
    let name = at("x", Some("dev")).environment.unwrap();
    let new = NewEnvironment { name: name.clone(), external_url: Some("d.host".into()) };
    assert_eq!(block_on(store.create_environment(new)).unwrap().name, name);
    let prod = at("x", Some("prod")).environment.unwrap();
    let removed =
        block_on(store.modify_environment(&prod, EnvironmentChange { external_url: None })).unwrap();
    assert_eq!((removed.name.as_str(), removed.external_url), ("prod", None));
    let writes = writes(&service);
    assert_recorded(&writes[0], "go.write.cenv");
    assert_eq!(
        (writes[1].path.as_str(), &writes[1].body["external_url"]),
        ("/v1/environments/env0", &json!(""))
    );
}

#[test]
fn the_effect_of_a_write_is_unknown_without_a_usable_answer_and_it_is_sent_once() {
    let other = secret(&vectors::recorded_key(), "n", "other", None, "v").to_string();
    for (status, body) in
        [(LOST, ""), (200, "nonsense"), (201, &*other), (500, "{}"), (502, "{}"), (503, "{}")]
    {
        let body = body.to_owned();
        let wait = vec![("retry-after", "1".to_owned())];
        let service = answering_writes(move |_| (status, wait.clone(), body.clone()));
        let new = NewSecret::new(at("N", None), SecretValue::text("v"));
        let error = block_on(service.store(json!({"retries": 5})).create(new)).unwrap_err();
        assert_eq!(error.effect(), Effect::Unknown, "{status}: {error:?}");
        let error = keyway_client::Error::from(error);
        assert_eq!((error.is_retryable(), error.retry_after()), (false, None), "{status}: {error:?}");
        assert_eq!(writes(&service).len(), 1);
    }
}

#[test]
fn a_route_that_is_missing_is_no_missing_item() {
    let gateway = || (404, vec![], "<html>no such page</html>".to_owned());
    let service = answering_writes(move |_| gateway());
    let change = || SecretChange::value(SecretValue::text("v"));
    let prod = at("x", Some("prod")).environment.unwrap();
    for max_age in [0, 600] {
        let store = service.store(json!({"max_age_seconds": max_age}));
        let error = block_on(store.modify(&at("A", None), change())).unwrap_err();
        assert!(matches!(error, StoreError::NotReady { .. }), "{error:?}");
        let error =
            block_on(store.modify_environment(&prod, EnvironmentChange { external_url: None })).unwrap_err();
        assert!(matches!(error, StoreError::NotReady { .. }), "{error:?}");
    }

    // An item that was removed after it was found is missing.
    let (world, is_gone) = (World::recorded(), Arc::new(AtomicBool::new(false)));
    let service =
        ScriptedService::start(move |request| match (&*request.method, is_gone.load(Ordering::SeqCst)) {
            ("GET", false) => world.answer(request),
            ("GET", true) => page(&[]),
            _ => {
                is_gone.store(true, Ordering::SeqCst);
                gateway()
            }
        });
    let error = block_on(service.store(json!({"max_age_seconds": 600})).modify(&at("A", None), change()));
    assert!(matches!(error, Err(StoreError::SecretNotFound { .. })), "{error:?}");
}

#[test]
fn a_value_that_the_service_cannot_hold_is_refused_before_anything_is_sent() {
    let service = ScriptedService::start(|request| panic!("{request:?}"));
    let store = service.store(json!({}));
    let create = |value, description: &str| {
        let new = NewSecret::new(at("N", None), value).with_description(description);
        block_on(store.create(new)).unwrap_err().kind()
    };
    assert_eq!(create(SecretValue::bytes([1]), ""), ErrorKind::Unsupported);
    assert_eq!(create(SecretValue::text("v"), &"d".repeat(4097)), ErrorKind::Invalid);
    assert_eq!(create(SecretValue::text("v".repeat((1 << 20) + 1)), ""), ErrorKind::Invalid);
    for undeclared in [block_on(store.destroy(&at("A", None), None)), block_on(store.marked_for_delete())] {
        assert_eq!(undeclared.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    assert!(service.requests().is_empty());
}
