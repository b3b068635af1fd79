//! Sends the recorded requests of Locker's native client to the double.

use std::collections::BTreeMap;

use keyway_locker::double::LockerDouble;
use serde_json::{Map, Value, json};

use crate::caller::{Caller, recorded_world};

const VECTORS: &str = include_str!("../../vectors/locker.json");

fn vectors(prefix: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let is_asked = |vector: &Value| text(&vector["id"]).starts_with(prefix);
    all.into_iter().filter(is_asked).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns the body of a recorded write. The vector records the names of the fields, and the hash.
fn body(double: &LockerDouble, input: &Value, write: &Value) -> Value {
    let fields = write["fields"].as_array().expect("fields");
    let sealed = |name: &str| Value::from(double.sealed(text(&input[name])));
    let field = |name: &Value| {
        let value = match text(name) {
            "hash" => write["hash"].clone(),
            "environment_id" => write["environment_id"].clone(),
            "value" => sealed("Value"),
            "environment_name" => sealed("NewEnv"),
            "name" => sealed("Name"),
            "external_url" => sealed("Url"),
            other => panic!("no vector has {other}"),
        };
        (text(name).to_owned(), value)
    };
    fields.iter().map(field).collect::<Map<_, _>>().into()
}

#[test]
fn the_recorded_writes_have_the_recorded_answers() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let vectors = vectors("go.write.");
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        let (id, expected) = (text(&vector["id"]), &vector["expected"]["answer"]);
        let write = &vector["expected"]["writes"][0];
        let body = body(&double, &vector["input"], write);
        let (status, answer) = match text(&write["method"]) {
            "PUT" => caller.put(text(&write["path"]), &body),
            _ => caller.post(text(&write["path"]), &body),
        };
        if let Some(error) = expected["error"].as_str() {
            let failure = format!("HTTP failure: {status}, {}", text(&answer["message"]));
            assert_eq!(failure, error, "{id}");
            continue;
        }
        assert!([200, 201].contains(&status), "{id}: {status} {answer}");
        let id = text(&answer["id"]).to_owned();
        let found = if answer["object"] == "secret" {
            let found = double.secrets().into_iter().find(|secret| secret.id == id).expect("it is stored");
            json!({ "key": found.key, "value": found.value, "environment_name": found.environment })
        } else {
            let environments = double.environments();
            let found = environments.into_iter().find(|row| row.id == id).expect("it is stored");
            json!({ "name": found.name, "external_url": found.external_url })
        };
        assert_eq!(&found, &expected["ok"], "{}", vector["id"]);
    }
}

#[test]
fn the_recorded_requests_of_a_cold_client_are_seen_as_they_were_recorded() {
    let double = recorded_world();
    let caller = Caller::of(&double);
    let vector = vectors("go.http.get_cold").remove(0);
    let recorded = vector["expected"]["requests"].as_array().expect("requests");
    for request in recorded {
        let query: BTreeMap<String, String> =
            serde_json::from_value(request["query"].clone()).expect("parameters");
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = format!("{}{}?{}", double.base(), text(&request["path"]), query.join("&"));
        let asked = caller.agent().get(url).header("authorization", text(&request["auth"]));
        let answer = asked.header("X-A", text(&request["xa"])).call().expect("the double answers");
        assert_eq!(answer.status().as_u16(), 200);
    }
    let seen: Vec<_> = double
        .take_requests()
        .iter()
        .map(|request| {
            json!({
                "auth": request.header("authorization"),
                "method": request.method,
                "path": request.path,
                "query": request.query,
                "xa": request.header("x-a"),
            })
        })
        .collect();
    assert_eq!(&seen, recorded);
    assert_eq!(double.take_requests(), []);
}

/// Reads as the recorded client does: of the rows with the hash, it takes the one in the environment, or otherwise the
/// one without an environment.
fn looked_up(double: &LockerDouble, key: &str, environment: Option<&str>) -> Value {
    let path = format!("/v1/secrets?paging=1&page=1&size=2000&hash={}", double.lookup_hash(key));
    let (_, page) = Caller::of(double).get(&path);
    let rows = page["results"].as_array().expect("rows");
    let shown = double.secrets();
    let of = |name: Option<&str>| {
        let hash = name.map_or(Value::Null, |name| double.lookup_hash(name).into());
        let row = rows.iter().find(|row| row["environment_hash"] == hash)?;
        shown.iter().find(|secret| row["id"] == *secret.id)
    };
    of(environment).or_else(|| of(None)).map_or(
        json!({ "error": "no secret found with provided name and env" }),
        |secret| {
            json!({ "ok": {
                "environment_name": secret.environment, "key": secret.key, "value": secret.value,
            } })
        },
    )
}

#[test]
fn the_recorded_lookups_find_the_recorded_secrets_in_the_rows_of_the_double() {
    let double = recorded_world();
    let vectors = vectors("go.lookup.");
    assert_eq!(vectors.len(), 12);
    for vector in vectors {
        let input = &vector["input"];
        let found = looked_up(&double, text(&input["key"]), input["environment"].as_str());
        assert_eq!(found, vector["expected"], "{}", vector["id"]);
    }
}
