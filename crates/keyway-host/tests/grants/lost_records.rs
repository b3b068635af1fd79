//! Tests that lost records are noticed.

use keyway_core::{ErrorKind, PluginError as _};
use keyway_storage::{Batch, Expectation};

use crate::world::*;

/// Tests the loss of the record that holds the index key. The value of this record has 140 bytes. Without the index
/// key, no other record can be found.
#[tokio::test]
async fn a_lost_index_key_is_damage_and_no_first_start() {
    let (world, storage, keys) = (World::plain(), memory(), ring());
    let start = || host(&storage, &keys, service(&world).limit(1)).start();
    let host = start().await.unwrap();
    granted(host.grants().request(&svc(), plain_request("joe")).await);
    drop(host);
    let index_key = b"keyway-host\0\0".as_slice();
    let before = storage.get(index_key).await.unwrap().unwrap();
    let _ = storage.commit(Batch::new().delete(index_key, Expectation::Any)).await.unwrap();

    let error = start().await.map(drop).expect_err("without a key, every grant is forgotten");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.detail().contains("the index key is missing"), "{}", error.detail());
    assert!(storage.get(index_key).await.unwrap().is_none(), "another one was made");

    let restored = Batch::new().put(index_key, before.value, Expectation::Absent);
    let _ = storage.commit(restored).await.unwrap();
    let host = start().await.unwrap();
    assert_eq!(host.grants().list(&user("joe").user).await.unwrap().len(), 1);
}
