//! Tests that a quarantine belongs to the plugin and the store, not to a handle.
//!
//! See decision R7.

use std::sync::Arc;
use std::time::Duration;

use keyway_core::{CallError, ErrorKind, PluginError, Registry};
use keyway_host::Host;
use keyway_host::stores::Limits;
use keyway_secrets::{SecretStore, SecretStores, StoreError};
use serde_json::json;

use crate::support::Misbehaving;
use crate::world::*;

keyway_secrets::register! {
    SecretStores {
        id: "misbehaving",
        name: "Misbehaving",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261128,
        compatibility: ">=:1.0,<:2.0",
        description: "misbehaves as its secrets are called",
        plugin: Misbehaving { blocking: true },
    }
}

/// Tests that reopening the store while a call hangs does not occupy another thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_again_does_not_lose_another_thread() {
    let registry = Registry::builder().with(register).build().unwrap();
    let limits = Limits::default().with_deadline(Duration::from_millis(100));
    let host = Host::builder(registry, Arc::new(keyway_storage::Memory::new()), ring())
        .store_limits(limits)
        .start()
        .await
        .unwrap();
    let keys = ring();
    for store in ["s", "another"] {
        host.stores().adopt(&name(store), "misbehaving", json!({}), &keys).await.unwrap();
    }
    let store = host.stores().open_with(&name("s"), &keys).await.unwrap();
    let error = store.get(&at("hangs")).await.unwrap_err();
    assert!(matches!(error, StoreError::Call(CallError::DeadlineExceeded { .. })), "{error}");
    drop(store);
    // A call of the test plugin sleeps for half a second.
    for _ in 0..3 {
        let refused = host.stores().open_with(&name("s"), &keys).await.unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::Unavailable { .. }), "{refused}");
        assert!(refused.to_string().contains("when that call has ended"), "{refused}");
    }
    host.stores().open_with(&name("another"), &keys).await.unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    let store = host.stores().open_with(&name("s"), &keys).await.unwrap();
    assert_eq!(store.get(&at("a")).await.unwrap().value.expose_text(), Some("fine"));
}
