//! Tests the usual life of a store.

use keyway_core::{ErrorKind, PluginError};
use keyway_host::stores::{Phase, StoresError, TransitionError};
use keyway_secrets::{SecretStore, StoreError};
use serde_json::json;

use crate::world::*;

#[tokio::test]
async fn a_store_lives_from_create_to_delete() {
    let world = World::new();
    let stores = world.start().await;
    put(&world.create(&stores).await.unwrap(), "a", "1").await;
    let error = world.create(&stores).await.unwrap_err();
    assert!(matches!(error, StoresError::Refused { reason: TransitionError::Exists, .. }));
    let told = "\"s\": there is a store of this name already: open it, or choose another name";
    assert_eq!(error.to_string(), told);

    // The host starts again. Its ring holds more keys than this store needs.
    let stores = world.start().await;
    let all = ring().with_retiring(&world.keys);
    let store = stores.open_with(&name("s"), &all).await.unwrap();
    has(&store, "a", "1").await;
    let new = ring();
    store.rotate(&new, &silent).await.unwrap();
    let state = store.state().await.unwrap();
    assert_eq!((state.phase, state.keys), (Phase::Active, vec![new.primary_id()]));
    let error = world.open(&stores).await.unwrap_err();
    assert!(
        matches!(&error, StoresError::MissingKeys { missing } if *missing == [new.primary_id()]),
        "{error}"
    );
    let store = stores.open_with(&name("s"), &new).await.unwrap();
    has(&store, "a", "1").await;
    store.marked_for_delete().await.unwrap();
    assert!(stores.list().await.unwrap().is_empty());
    let error = stores.open_with(&name("s"), &new).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_failed_creation_leaves_no_trace() {
    let world = World::new();
    let stores = world.start().await;
    let error = stores.create(&name("s"), "generik", json!({}), &world.keys).await.unwrap_err();
    assert!(error.to_string().contains("generic"), "{error}");
    let error = stores.create(&name("s"), "generic", json!({"pth": 1}), &world.keys).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = world.adopt(&stores).await.unwrap_err();
    assert!(matches!(error, StoresError::Store(StoreError::NotInitialized)), "{error}");
    assert!(stores.list().await.unwrap().is_empty());
    let error = world.open(&stores).await.unwrap_err();
    assert!(matches!(error, StoresError::Refused { reason: TransitionError::NoStore, .. }));
    assert!(error.to_string().starts_with("\"s\": there is no store of this name"), "{error}");
}

#[tokio::test]
async fn data_that_is_there_is_adopted_and_not_overwritten() {
    let world = World::new();
    let first = world.start().await;
    put(&world.create(&first).await.unwrap(), "a", "1").await;
    // Another host without a record of the store uses the same storage engine.
    world.lose(b"keyway-host").await;
    let other = World { storage: world.storage, host_keys: ring(), keys: world.keys };
    let second = other.start().await;
    let error = other.create(&second).await.unwrap_err();
    assert!(matches!(error, StoresError::DataExists { .. }), "{error}");
    assert!(error.to_string().contains("`generic` would keep \"s\": take it over with `adopt`"), "{error}");
    let error = second.adopt(&name("s"), "generic", json!({}), &ring()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongKey);
    assert!(second.list().await.unwrap().is_empty());
    has(&other.adopt(&second).await.unwrap(), "a", "1").await;
}
