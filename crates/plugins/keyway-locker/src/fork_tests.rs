//! Tests stores in a forked process: a store that was opened before the fork refuses to work there, and a store that
//! the forked process opens works.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use fork::Fork;
use keyway_secrets::{SecretStore, StoreError};
use pollster::block_on;
use serde_json::json;

use crate::recorded_world::{World, at};
use crate::scripted_service::ScriptedService;

fn said(store: &dyn SecretStore) -> String {
    match block_on(store.get(&at("A", None))) {
        Ok(secret) => format!("value {}", secret.value.expose_text().unwrap()),
        Err(error @ StoreError::NotReady { .. }) => format!("not ready: {error}"),
        Err(other) => format!("{other:?}"),
    }
}

/// Runs a function in a forked process, and returns its result.
fn in_a_fork(run: impl FnOnce() -> String) -> String {
    let (mut here, mut there) = UnixStream::pair().unwrap();
    here.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    match fork::fork().unwrap() {
        Fork::Child => {
            let _ = there.write_all(run().as_bytes());
            drop(there);
            std::process::exit(0);
        }
        Fork::Parent(child) => {
            drop(there);
            let mut said = String::new();
            here.read_to_string(&mut said).expect("the child hangs");
            fork::waitpid(child).unwrap();
            said
        }
    }
}

#[test]
fn a_forked_process_is_told_to_open_the_store_again() {
    let world = World::recorded();
    let service = ScriptedService::start(move |request| world.answer(request));
    for is_used in [false, true] {
        let store = service.store(json!({"max_age_seconds": 600}));
        if is_used {
            assert_eq!(said(&*store), "value A-all");
        }
        service.requests();
        let forked = Arc::clone(&store);
        let in_child = in_a_fork(move || said(&*forked));
        assert!(in_child.starts_with("not ready") && in_child.contains("open"), "{in_child}");
        assert_eq!((service.connections(), service.requests().len()), (0, 0));
        assert_eq!(said(&*store), "value A-all");
    }
}

#[test]
fn a_store_that_a_forked_process_opens_works() {
    let world = World::recorded();
    let service = ScriptedService::start(move |request| world.answer(request));
    let store = service.store(json!({}));
    assert_eq!(said(&*store), "value A-all");
    let in_child = in_a_fork(|| said(&*service.store(json!({}))));
    assert_eq!((&*in_child, said(&*store)), ("value A-all", in_child.clone()));
}
