//! Tests writes to the double of Locker's service: their effects, and which writes are refused.

use std::thread;

use keyway_locker::double::{LockerDouble, RawSecret};
use serde_json::{Value, json};

use crate::caller::{Caller, environment, recorded_world, secret};

/// Returns the body with this field added or replaced.
fn with(mut body: Value, name: &str, value: impl Into<Value>) -> Value {
    body[name] = value.into();
    body
}

fn refused((status, answer): (u16, Value)) -> (u16, String) {
    (status, answer["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_created_secret_is_answered_and_stored() {
    let double = recorded_world();
    let body = with(secret(&double, "NEW", "value"), "environment_id", "env2");
    let body = with(body, "environment_name", double.sealed("stg"));
    let body = with(body, "description", double.sealed("why"));
    let (status, answer) = Caller::of(&double).post("/v1/secrets", &body);
    assert_eq!((status, &answer["object"]), (201, &"secret".into()), "{answer}");
    assert_eq!(answer["value"], body["value"]);
    assert_eq!(answer["data"]["value"], body["value"]);
    assert_eq!(answer["secret_hash"], double.lookup_hash("NEW"));
    assert_eq!(answer["environment_hash"], double.lookup_hash("stg"));
    let stored = double.secrets().pop().expect("it is stored");
    assert_eq!(answer["id"], stored.id);
    assert_eq!((&*stored.key, &*stored.value, &*stored.description), ("NEW", "value", "why"));
    assert_eq!(stored.environment.as_deref(), Some("stg"));
}

#[test]
fn a_key_exists_once_in_each_environment_and_once_in_none() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let body = secret(&double, "B", "value");
    let (status, answer) = caller.post("/v1/secrets", &body);
    assert_eq!(status, 400);
    assert_eq!(answer, json!({ "code": "duplicate_hash", "message": "This secret hash already exists" }));
    for id in ["env1", "env2"] {
        let body = with(body.clone(), "environment_id", id);
        assert_eq!(caller.post("/v1/secrets", &body).0, 201);
        assert_eq!(refused(caller.post("/v1/secrets", &body)), (400, "duplicate_hash".to_owned()));
    }
    // A move or a rename must not make two secrets with the same hash.
    let moved = json!({ "hash": double.lookup_hash("A"), "environment_id": "" });
    assert_eq!(refused(caller.put("/v1/secrets/sec4", &moved)), (400, "duplicate_hash".to_owned()));
    let renamed = json!({ "hash": double.lookup_hash("A"), "key": double.sealed("A") });
    assert_eq!(refused(caller.put("/v1/secrets/sec5", &renamed)), (400, "duplicate_hash".to_owned()));
    assert_eq!(double.secrets().len(), 7);
}

#[test]
fn a_renamed_secret_keeps_its_id_and_gets_a_new_hash() {
    let double = recorded_world();
    let body = json!({ "hash": double.lookup_hash("B2"), "key": double.sealed("B2") });
    let (status, answer) = Caller::of(&double).put("/v1/secrets/sec5", &body);
    assert_eq!((status, &answer["secret_hash"]), (200, &double.lookup_hash("B2").into()));
    let stored = &double.secrets()[2];
    assert_eq!((&*stored.id, &*stored.key, &*stored.value), ("sec5", "B2", "B-all"));
}

#[test]
fn a_renamed_environment_is_renamed_in_its_secrets() {
    let double = recorded_world();
    let body = environment(&double, "live", "l.host");
    let (status, answer) = Caller::of(&double).put("/v1/environments/env1", &body);
    assert_eq!((status, &answer["hash"]), (200, &double.lookup_hash("live").into()));
    assert_eq!(double.environments()[0].name, "live");
    assert_eq!(double.environments()[0].external_url, "l.host");
    assert_eq!(double.secrets()[1].environment.as_deref(), Some("live"));
    let taken = environment(&double, "stg", "");
    let answer = Caller::of(&double).put("/v1/environments/env1", &taken);
    assert_eq!(refused(answer), (400, "duplicate_hash".to_owned()));
}

#[test]
fn a_row_or_an_environment_that_does_not_exist_is_refused() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let body = secret(&double, "NEW", "value");
    for rows in ["secrets", "environments"] {
        let answer = caller.put(&format!("/v1/{rows}/none"), &body);
        assert_eq!(refused(answer), (404, "not_found".to_owned()), "{rows}");
    }
    let body = with(body, "environment_id", "env9");
    let expected = (400, "environment_not_found".to_owned());
    assert_eq!(refused(caller.post("/v1/secrets", &body)), expected);
    let moved = json!({ "hash": double.lookup_hash("A"), "environment_id": "env9" });
    assert_eq!(refused(caller.put("/v1/secrets/sec3", &moved)), expected);
    assert_eq!(double.secrets().len(), 5);
}

#[test]
fn a_request_that_a_client_must_not_send_is_refused_and_changes_nothing() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let before = double.secrets();
    let good = secret(&double, "NEW", "value");
    for (name, value) in [
        ("key", json!("NEW")),
        ("key", json!(double.sealed("OTHER"))),
        ("value", json!("value")),
        ("value", json!(null)),
        ("value", json!(7)),
        ("description", json!("clear")),
        ("hash", json!(double.lookup_hash("OTHER"))),
        ("hash", json!(null)),
        ("environment_name", json!("prod")),
        ("environment_name", json!(double.sealed("stg"))),
    ] {
        let body = with(with(good.clone(), "environment_id", "env1"), name, value);
        assert_eq!(refused(caller.post("/v1/secrets", &body)), (400, "invalid_data".to_owned()), "{body}");
    }
    let named = json!({ "hash": double.lookup_hash("A"), "environment_name": double.sealed("stg") });
    assert_eq!(refused(caller.put("/v1/secrets/sec4", &named)), (400, "invalid_data".to_owned()));
    for body in [json!({}), json!([]), json!("text"), json!({ "hash": double.lookup_hash("B") })] {
        assert_eq!(refused(caller.put("/v1/secrets/sec3", &body)), (400, "invalid_data".to_owned()));
        assert_eq!(refused(caller.post("/v1/environments", &body)), (400, "invalid_data".to_owned()));
    }
    assert_eq!(double.secrets(), before);
    assert_eq!(double.environments().len(), 2);
}

#[test]
fn an_access_key_that_only_reads_writes_nothing() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    double.set_editable(false);
    let expected = (403, "permission_denied".to_owned());
    assert_eq!(refused(caller.post("/v1/secrets", &secret(&double, "NEW", ""))), expected);
    assert_eq!(refused(caller.put("/v1/secrets/sec3", &secret(&double, "A", ""))), expected);
    assert_eq!(refused(caller.post("/v1/environments", &environment(&double, "new", ""))), expected);
    assert_eq!(caller.get("/v1/profile").1["profile"]["editable"], false);
    double.set_editable(true);
    assert_eq!(caller.post("/v1/secrets", &secret(&double, "NEW", "")).0, 201);
}

#[test]
fn of_two_clients_that_create_the_same_secrets_at_once_each_secret_has_one_winner() {
    const KEYS: usize = 60;
    let double = LockerDouble::start().expect("a port");
    let created = |double: &LockerDouble| {
        let caller = Caller::of(double);
        let create = |number: usize| {
            let body = secret(double, &format!("KEY_{number}"), "value");
            caller.post("/v1/secrets", &body).0
        };
        (0..KEYS).map(create).collect::<Vec<_>>()
    };
    let [one, other] = thread::scope(|scope| {
        let threads = [scope.spawn(|| created(&double)), scope.spawn(|| created(&double))];
        threads.map(|thread| thread.join().expect("the client ends"))
    });
    for number in 0..KEYS {
        let mut statuses = [one[number], other[number]];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 400], "key {number}");
    }
    assert_eq!(double.secrets().len(), KEYS);
    assert_eq!(double.take_requests().len(), 2 * KEYS);
}

#[test]
fn raw_texts_are_served_as_they_are() {
    let double = recorded_world();
    let [all, prod] = ["sec3", "sec4"].map(|id| double.raw_secret(id).expect("it is there"));
    let swapped = RawSecret { value: prod.value.clone(), ..all };
    assert!(double.replace_raw_secret("sec3", swapped));
    assert!(!double.replace_raw_secret("none", RawSecret::default()));
    let id = double.put_raw_secret(RawSecret { value: "no cipher".to_owned(), ..RawSecret::default() });
    let (_, page) = Caller::of(&double).get("/v1/secrets");
    assert_eq!(page["results"][0]["value"], prod.value);
    assert_eq!(double.secrets()[0].value, "A-prod");
    assert_eq!((&page["results"][5]["id"], &page["results"][5]["value"]), (&id.into(), &"no cipher".into()));
}
