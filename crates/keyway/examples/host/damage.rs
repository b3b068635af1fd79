//! Shows damage and its errors. A wrong key, a tampered record, swapped records, a damaged file and data of another
//! version are each refused with a specific error, without any effect.

use std::path::Path;
use std::sync::Arc;

use keyway::seal::KeyRing;
use keyway::secrets::{NewSecret, OpenContext, SecretStore, SecretStorePlugin, StoreError, StoreName};
use keyway::storage::{Batch, Expectation, KeyRange, Memory, Storage};
use keyway::stores::{HostedStore, Stores, StoresError};
use keyway::{Host, PluginMetadata, Resources, SecretValue};
use keyway_generic::GenericPlugin;
use serde_json::json;

use crate::report::{Failure, Report};
use crate::{PLUGINS, address, new_ring};

pub(crate) async fn show(
    report: &mut Report,
    stores: &Stores,
    production: &StoreName,
    keys: &KeyRing,
) -> Result<(), Failure> {
    report.step("What does not fit is refused, and nothing happens");
    report.refused(
        stores.open_with(production, &new_ring()?).await,
        |error| matches!(error, StoresError::MissingKeys { .. }),
        "keys that are not the store's",
    );

    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let host = Host::builder(PLUGINS.registry()?, Arc::clone(&storage), new_ring()?).start().await?;
    let other = host.stores();
    let store = other.create(&StoreName::new("damaged")?, "generic", json!({}), keys).await?;
    let first = create_and_find(&store, &storage, "first").await?;
    let second = create_and_find(&store, &storage, "second").await?;

    let (one, two) = (value(&storage, &first).await?, value(&storage, &second).await?);
    put(&storage, &first, two.clone()).await?;
    put(&storage, &second, one.clone()).await?;
    report.refused(store.get(&address("first")?).await, is_corrupt, "records that were exchanged");

    let mut flipped = one.clone();
    let middle = flipped.len() - 60;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    put(&storage, &first, flipped).await?;
    put(&storage, &second, two).await?;
    report.refused(store.get(&address("first")?).await, is_corrupt, "a record with one changed byte");
    report.check(store.get(&address("second")?).await.is_ok(), "its neighbour is not touched by that");
    put(&storage, &first, one).await?;
    report.check(store.get(&address("first")?).await.is_ok(), "the record put back reads again");

    let later = PluginMetadata::from_json(
        r#"{"version": "2.0.0", "author": "The Keyway authors <keyway@example.org>", "updated": 20270101,
            "compatibility": ">=:2.0,<:3.0",
            "plugin": {"name": "Keyway Generic", "type": "Secret", "description": "A later version"}}"#,
    )?;
    let name = StoreName::new("from-the-future")?;
    let opening = OpenContext::new(name.clone(), later, keys.clone())
        .with_resources(Resources::new().with(Arc::clone(&storage)));
    GenericPlugin.open(&opening)?.initialize().await?;
    report.refused(
        other.adopt(&name, "generic", json!({}), keys).await,
        |error| matches!(error, StoresError::Store(StoreError::Incompatible(_))),
        "data that a later version wrote",
    );
    Ok(())
}

/// Shows a truncated file of Convection. A crash of Convection's own plugin can leave such a file.
pub(crate) async fn show_truncated_file(
    report: &mut Report,
    stores: &Stores,
    folder: &Path,
    keys: &KeyRing,
) -> Result<(), Failure> {
    let whole = include_bytes!("../fixtures/convection.store");
    let path = folder.join("truncated.store");
    std::fs::write(&path, &whole[..whole.len() / 2])?;
    let name = StoreName::new("truncated")?;
    let outcome = stores.adopt(&name, "convection-generic", json!({ "path": path }), keys).await;
    report.refused(
        outcome,
        |error| matches!(error, StoresError::Store(StoreError::Corrupt { .. } | StoreError::WrongKey { .. })),
        "a store file that was cut off",
    );
    Ok(())
}

fn is_corrupt(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { .. })
}

/// Creates a secret, and finds the key of its record by comparing the keys before and after.
///
/// The key cannot be computed from the name.
async fn create_and_find(
    store: &HostedStore,
    storage: &Arc<dyn Storage>,
    name: &str,
) -> Result<Vec<u8>, Failure> {
    let before = keys_of(storage).await?;
    store.create(NewSecret::new(address(name)?, SecretValue::text(format!("value of {name}")))).await?;
    let after = keys_of(storage).await?;
    after.into_iter().find(|key| !before.contains(key)).ok_or_else(|| "no record was added".into())
}

async fn keys_of(storage: &Arc<dyn Storage>) -> Result<Vec<Vec<u8>>, Failure> {
    let page = storage.scan(&KeyRange::all(), None, 100).await?;
    Ok(page.entries.into_iter().map(|entry| entry.key).collect())
}

async fn value(storage: &Arc<dyn Storage>, key: &[u8]) -> Result<Vec<u8>, Failure> {
    Ok(storage.get(key).await?.ok_or("the record is gone")?.value)
}

async fn put(storage: &Arc<dyn Storage>, key: &[u8], value: Vec<u8>) -> Result<(), Failure> {
    let _ = storage.commit(Batch::new().put(key, value, Expectation::Any)).await?;
    Ok(())
}
