//! Tests answers of `locker-sdk` that calls of the official SDK do not produce: stores and configurations that cannot
//! be used, values that cannot be shown, and sizes.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use keyway_core::SecretValue;
use keyway_secrets::{NewSecret, SecretAddress, SecretName};
use keyway_tests::locker_answer::outcome;
use keyway_tests::locker_sdk::{ACCESS_KEY_IDS, SECRET_ACCESS_KEY, SdkStores};
use pollster::block_on;
use serde_json::{Value, json};

/// Returns the data of an answer, or the kind of its error.
fn call(stores: &SdkStores, method: &str, parameters: Value) -> Result<Value, String> {
    outcome(method, stores.call("records", method, parameters).as_bytes()).unwrap()
}

fn keys(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|secret| secret["key"].as_str().unwrap()).collect()
}

/// Runs the program as an SDK does.
fn run(stores: &SdkStores, request: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_locker-sdk-of-tests"))
        .arg("sdk")
        .env_clear()
        .env("XDG_CONFIG_HOME", stores.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // An error is ignored, because the program may end before it has read all of a request that is too long.
    let _ = child.stdin.take().unwrap().write_all(request);
    child.wait_with_output().unwrap()
}

fn list_request() -> Vec<u8> {
    let credentials = json!({"access_key_id": ACCESS_KEY_IDS[0].1, "secret_access_key": SECRET_ACCESS_KEY});
    let context = json!({"protocol_version": 1, "credentials": credentials});
    json!({"jsonrpc": "2.0", "id": "1", "method": "secret.list", "params": {"context": context}})
        .to_string()
        .into_bytes()
}

/// Runs the program, and returns the kind of the error that it reports, and its log.
fn fails(stores: &SdkStores) -> (String, String) {
    let output = run(stores, &list_request());
    assert!(output.status.success(), "an answer was written, so the program succeeds");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(!log.contains(SECRET_ACCESS_KEY), "{log}");
    (outcome("secret.list", &output.stdout).unwrap().unwrap_err(), log)
}

#[test]
fn values_that_are_no_texts_are_neither_listed_nor_read() {
    let stores = SdkStores::new().unwrap();
    call(&stores, "secret.create", json!({"key": "TEXT", "value": "t"})).unwrap();
    let other = stores.open_records().unwrap();
    let address = SecretAddress::shared(SecretName::new("BYTES").unwrap());
    block_on(other.create(NewSecret::new(address, SecretValue::bytes([0, 159])))).unwrap();
    drop(other);
    assert_eq!(keys(&call(&stores, "secret.list", json!({})).unwrap()), ["TEXT"]);
    let page = call(&stores, "secret.list_page", json!({})).unwrap();
    assert_eq!((keys(&page["items"]), &page["next_cursor"]), (vec!["TEXT"], &Value::Null));
    let refused = Err("validation_error".to_owned());
    assert_eq!(call(&stores, "secret.get", json!({"key": "BYTES"})), refused);
    let rename = json!({"key": "BYTES", "changes": {"key": "OTHER"}});
    assert_eq!(call(&stores, "secret.update", rename), refused);
    let value = json!({"key": "BYTES", "changes": {"key": "OTHER", "value": "text now"}});
    assert_eq!(call(&stores, "secret.update", value).unwrap()["value"], "text now");
    assert_eq!(call(&stores, "secret.get", json!({"key": "BYTES"})), Err("secret_not_found".to_owned()));
}

#[test]
fn an_update_whose_answer_cannot_show_the_value_changes_nothing() {
    let stores = SdkStores::new().unwrap();
    let other = stores.open_records().unwrap();
    let address = SecretAddress::shared(SecretName::new("BYTES").unwrap());
    block_on(other.create(NewSecret::new(address.clone(), SecretValue::bytes([0, 159])))).unwrap();
    let update = json!({"key": "BYTES", "changes": {"description": "d"}});
    assert_eq!(call(&stores, "secret.update", update), Err("validation_error".to_owned()));
    assert_eq!(block_on(other.get(&address)).unwrap().header.description, None);
}

#[test]
fn a_value_that_no_answer_can_hold_is_not_written() {
    let stores = SdkStores::new().unwrap();
    call(&stores, "secret.create", json!({"key": "K", "value": "v"})).unwrap();
    // Each character takes two bytes in the request, and six in the answer.
    let value = "\u{e9}".repeat(4_000_000);
    let refused = Err("response_too_large".to_owned());
    assert_eq!(call(&stores, "secret.create", json!({"key": "NEW", "value": value})), refused);
    assert_eq!(call(&stores, "secret.get", json!({"key": "NEW"})), Err("secret_not_found".to_owned()));
    for changes in [json!({"value": value}), json!({"key": "NEW", "value": value})] {
        assert_eq!(call(&stores, "secret.update", json!({"key": "K", "changes": changes})), refused);
        assert_eq!(call(&stores, "secret.get", json!({"key": "K"})).unwrap()["value"], "v");
    }
}

#[test]
fn a_move_to_a_taken_or_missing_place_changes_nothing() {
    let stores = SdkStores::new().unwrap();
    for (key, value) in [("A", "a"), ("B", "b")] {
        call(&stores, "secret.create", json!({"key": key, "value": value, "description": "d"})).unwrap();
    }
    for (changes, kind) in [
        (json!({"key": "B", "value": "x"}), "secret_already_exists"),
        (json!({"environment": "nowhere", "value": "x"}), "environment_not_found"),
        (json!({"environment": "", "value": "x"}), "validation_error"),
        (json!({"key": "a\nb"}), "validation_error"),
        (json!({}), "invalid_params"),
        (json!({"tags": []}), "invalid_params"),
    ] {
        let update = call(&stores, "secret.update", json!({"key": "A", "changes": changes}));
        assert_eq!(update, Err(kind.to_owned()), "{changes}");
    }
    let list = call(&stores, "secret.list", json!({})).unwrap();
    let found: Vec<_> = list.as_array().unwrap().iter().map(|secret| secret["value"].clone()).collect();
    assert!(found.len() == 2 && found.contains(&json!("a")) && found.contains(&json!("b")), "{list}");
    let missing = json!({"key": "C", "changes": {"key": "D"}});
    assert_eq!(call(&stores, "secret.update", missing), Err("secret_not_found".to_owned()));
}

#[test]
fn a_store_that_cannot_be_used_is_no_missing_secret() {
    let stores = SdkStores::new().unwrap();
    let path = stores.path("keyway/locker-sdk.toml");
    let text = fs::read_to_string(&path).unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from));
        fs::write(&path, text.replace(from, to)).unwrap();
        let (kind, log) = fails(&stores);
        fs::write(&path, &text).unwrap();
        (kind, log)
    };
    for (from, to, kind, reason) in [
        ("[stores.web]", "[stores.other]", "file_error", "its `store` is not among `stores`"),
        (
            "plugin = 'generic'",
            "plugin = 'genric'",
            "file_error",
            "`stores.web`: this program has no plugin `genric`, only",
        ),
        ("web.db", "misspelt.db", "database_error", "make it with `locker-sdk init`"),
        ("sqlite = ", "# sqlite = ", "file_error", "give the path of one as `sqlite`"),
        (
            "[stores.web]\nplugin = 'generic'\nkeys = ",
            "[stores.web]\nplugin = 'generic'\n# keys = ",
            "file_error",
            "`stores.web`: the plugin `generic` needs keys: give the path of a file with them as `keys`",
        ),
        (
            ACCESS_KEY_IDS[0].1,
            "3f8fad5b-d9cb-469f-a165-70867728950e",
            "unauthorized",
            "no entry of `access` has",
        ),
        ("/keys'", "/no-keys'", "file_error", "no-keys"),
        ("project_id = 7", "project = 7", "file_error", "`stores.web.project`"),
    ] {
        let (found, log) = with(from, to);
        assert!(found == kind && log.contains(reason), "{from}: {found}: {log}");
    }
    // The store `later` was never created in this database.
    let renamed = text.replace("[stores.web]", "[stores.later]").replace("store = 'web'", "store = 'later'");
    fs::write(&path, renamed).unwrap();
    assert_eq!(fails(&stores).0, "database_error");
    fs::write(&path, &text).unwrap();
    // The store was created with a key that differs from this new key.
    let keys = stores.path("keys");
    fs::write(&keys, keyway_seal::Key::generate().unwrap().expose_text().expose()).unwrap();
    assert_eq!(fails(&stores).0, "database_error");
}

#[test]
fn a_configuration_that_others_can_read_or_that_is_missing_is_refused() {
    let stores = SdkStores::new().unwrap();
    let path = stores.path("keyway/locker-sdk.toml");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(fails(&stores).0, "file_error");
    fs::remove_file(&path).unwrap();
    let (kind, log) = fails(&stores);
    assert!(kind == "path_error" && log.contains("locker-sdk.toml"), "{kind}: {log}");
}

#[test]
fn requests_and_answers_have_a_largest_size() {
    let stores = SdkStores::new().unwrap();
    let long = vec![b' '; (20 << 20) + 1];
    let output = run(&stores, &long);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["id"], &answer["error"]["data"]["kind"]), (&Value::Null, &json!("parse_error")));
    // Each character takes six bytes in an answer, so a list of all values is too large for one answer.
    let value = "\u{e9}".repeat(200_000);
    for number in 0..18 {
        call(&stores, "secret.create", json!({"key": format!("k{number}"), "value": value})).unwrap();
    }
    assert_eq!(call(&stores, "secret.list", json!({})), Err("response_too_large".to_owned()));
    let page = call(&stores, "secret.list_page", json!({"page_size": 5})).unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 5);
}
