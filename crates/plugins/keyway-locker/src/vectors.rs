//! Reads the recorded behaviour of Locker's own clients, for tests.

use serde_json::Value;

use crate::item_key::ItemKey;
use crate::key_schedule::{access_key, project_key};

/// Returns the vectors whose id begins with `prefix`.
pub(crate) fn of(prefix: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(include_str!("../../../../tests/vectors/locker.json"))
        .expect("the vectors are JSON");
    all.into_iter().filter(|vector| vector["id"].as_str().is_some_and(|id| id.starts_with(prefix))).collect()
}

/// Returns the vector with the keys of the recorded project.
pub(crate) fn parameters() -> Value {
    of("go.crypto.params").remove(0)
}

/// Returns the key of the recorded project.
pub(crate) fn recorded_key() -> ItemKey {
    let input = &parameters()["input"];
    let text = |name: &str| input[name].as_str().expect("a text").to_owned();
    let access = access_key(&text("secret_access_key_b64").into()).expect("the key is base64");
    project_key(&access, &text("profile_key")).expect("the profile opens")
}
