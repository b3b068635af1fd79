//! Tests the opening of a connection: credentials, addresses, keys, roots.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use keyway_core::{Effect, ErrorKind, PluginError as _, Resources};
use keyway_secrets::{SecretStore, StoreError};
use pollster::block_on;
use serde_json::json;

use crate::recorded_world::{World, at};
use crate::scripted_service::{ScriptedService, open};
use crate::vectors;

fn refused(store: &dyn SecretStore) -> StoreError {
    block_on(store.get(&at("A", None))).unwrap_err()
}

fn recorded() -> ScriptedService {
    let world = World::recorded();
    ScriptedService::start(move |request| world.answer(request))
}

#[test]
fn credentials_come_from_a_file_that_only_its_owner_may_read() {
    let service = recorded();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let store = || open(json!({"credentials_file": file, "api_base": service.base()}), Resources::new());
    let missing = refused(&*store());
    assert!(matches!(missing, StoreError::NotReady { .. }), "{missing:?}");
    let message = missing.to_string();
    assert!(message.contains(file.to_str().unwrap()) && !message.contains("LOCKER_"), "{message}");

    let key = vectors::parameters()["input"]["secret_access_key_b64"].as_str().unwrap().to_owned();
    let text = format!("access_key_id=0f8fad5b-d9cb-469f-a165-70867728950e\nsecret_access_key={key}\n");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = refused(&*store());
    assert!(exposed.to_string().contains("chmod 600") && !exposed.detail().contains(&key), "{exposed}");
    assert_eq!(service.connections(), 0);

    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let found = block_on(store().get(&at("A", Some("prod")))).unwrap();
    assert_eq!(found.value.expose_text(), Some("A-prod"));
}

#[test]
fn a_wrong_secret_access_key_is_a_wrong_key() {
    let service = recorded();
    let wrong = service.store_of("QUJD", json!({}));
    assert_eq!(refused(&*wrong).kind(), ErrorKind::WrongKey);
    assert!(matches!(refused(&*service.store_of("QUJ", json!({}))), StoreError::NotReady { .. }));
}

#[test]
fn a_service_that_is_not_there_leaves_nothing_behind() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let store = recorded().store(json!({"api_base": format!("http://127.0.0.1:{port}")}));
    let error = refused(&*store);
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable { retry_after: None }, Effect::None));
}

#[test]
fn the_access_key_id_goes_to_no_proxy_in_clear_text() {
    let (service, proxy) = (recorded(), recorded());
    let (_, proxy_host) = proxy.base().split_once("//").unwrap();
    let (proxy_host, _) = proxy_host.split_once('/').unwrap();
    let store = service.store(json!({"proxy": format!("http://{proxy_host}")}));
    block_on(store.get(&at("A", None))).unwrap();
    assert_eq!((service.requests().len(), proxy.received()), (1, 0));
}

#[test]
fn the_access_key_id_follows_no_redirect() {
    let other = recorded();
    let base = other.base().to_owned();
    let service = ScriptedService::start(move |_| {
        (302, vec![("location", format!("{base}/v1/secrets"))], String::new())
    });
    let error = keyway_client::Error::from(refused(&*service.store(json!({}))));
    assert_eq!(error.code(), "cli_error");
    assert!(other.requests().is_empty());
}

#[test]
fn roots_that_cannot_be_read_are_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path(), std::path::Path::new("/nonexistent/roots.pem")] {
        let error = refused(&*recorded().store(json!({"ca_file": path})));
        assert!(matches!(error, StoreError::NotReady { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}
