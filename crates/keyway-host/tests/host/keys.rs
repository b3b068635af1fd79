//! Tests a change of the host's own keys while its records stay.

use std::sync::Arc;

use keyway_core::{Plugins, plugins};
use keyway_host::{Host, HostError, RecordError};
use keyway_seal::KeyRing;
use keyway_secrets::{Progress, SecretStore, StoreName};
use keyway_storage::{Batch, Expectation, KeyRange, Storage};

use crate::world::*;

const PLUGINS: Plugins = plugins! { keyway_generic };

async fn start(
    storage: &Arc<dyn Storage>,
    keys: &KeyRing,
    stores: &KeyRing,
    world: &Arc<World>,
) -> Result<Host, HostError> {
    let registry = PLUGINS.registry().unwrap();
    let built = Host::builder(registry, Arc::clone(storage), keys.clone()).store_keys(stores.clone());
    built.takeover_after(std::time::Duration::ZERO).service(service(world)).start().await
}

#[tokio::test]
async fn records_are_sealed_anew_and_the_old_keys_can_go() {
    let (storage, world, of_stores) = (memory(), World::plain(), ring());
    let (old, new) = (ring(), ring());
    let host = start(&storage, &old, &of_stores, &world).await.unwrap();
    let name = StoreName::new("web").unwrap();
    host.stores().create(&name, "generic", serde_json::json!({}), &of_stores).await.unwrap();
    let issued = granted(host.grants().request(&svc(), plain_request("joe")).await);
    drop(host);

    let refused = start(&storage, &new, &of_stores, &world).await.unwrap_err();
    assert!(matches!(refused, HostError::Record(RecordError::Open(_))), "{refused}");

    let host = start(&storage, &new.with_retiring(&old), &of_stores, &world).await.unwrap();
    // There are four records: the index key, the name of the host, the store and the grant. All are resealed.
    let done = host.reseal().await.unwrap();
    assert_eq!((done.resealed, done.total, done.stores_to_rotate), (4, 4, Vec::new()));
    let again = host.reseal().await.unwrap();
    assert_eq!((again.resealed, again.total), (0, 4));
    drop(host);

    let host = start(&storage, &new, &of_stores, &world).await.unwrap();
    host.stores().open(&name).await.unwrap();
    host.grants().revoke(issued.grant, user("joe")).await.unwrap();
    assert_eq!(world.credentials(), 0);
}

#[tokio::test]
async fn a_damaged_record_does_not_keep_the_others_under_the_old_keys() {
    let (storage, world, of_stores) = (memory(), World::plain(), ring());
    let (old, new) = (ring(), ring());
    let host = start(&storage, &old, &of_stores, &world).await.unwrap();
    let issued = granted(host.grants().request(&svc(), plain_request("joe")).await);
    // This key comes before those of the real grants.
    let damaged = [&b"keyway-host\0\x03\x01"[..], &[0; 32]].concat();
    let _ = storage.commit(Batch::new().put(damaged, "damaged", Expectation::Absent)).await.unwrap();
    let grants = storage.scan(&KeyRange::prefix(b"keyway-host\0\x03\x01"), None, 9).await.unwrap().entries;
    assert_eq!((grants.len(), &grants[0].value[..]), (2, &b"damaged"[..]));
    drop(host);

    let host = start(&storage, &new.with_retiring(&old), &of_stores, &world).await.unwrap();
    let error = host.reseal().await.unwrap_err();
    assert!(matches!(error, HostError::Record(RecordError::Corrupt { .. })), "{error}");
    drop(host);

    let host = start(&storage, &new, &of_stores, &world).await.unwrap();
    host.grants().revoke(issued.grant, user("joe")).await.unwrap();
    assert_eq!(world.credentials(), 0);
}

/// Tests stores that use the host's own keys. Resealing the host's records does not change them.
#[tokio::test]
async fn a_store_that_needs_an_old_key_is_named_until_it_is_rotated() {
    let (storage, world, name) = (memory(), World::plain(), StoreName::new("web").unwrap());
    let (old, new) = (ring(), ring());
    let start = |keys: &KeyRing| {
        let registry = PLUGINS.registry().unwrap();
        let built = Host::builder(registry, Arc::clone(&storage), keys.clone());
        built.takeover_after(std::time::Duration::ZERO).service(service(&world)).start()
    };
    let host = start(&old).await.unwrap();
    host.stores().create(&name, "generic", serde_json::json!({}), &old).await.unwrap();
    let host = start(&new.with_retiring(&old)).await.unwrap();
    assert_eq!(host.reseal().await.unwrap().stores_to_rotate, ["web"]);
    let store = host.stores().open(&name).await.unwrap();
    store.rotate(&new, &|_: Progress| ()).await.unwrap();
    assert_eq!(host.reseal().await.unwrap().stores_to_rotate, [""; 0]);
    start(&new).await.unwrap().stores().open(&name).await.unwrap();
}
