//! Tests that stores that can never be used are removed from the list.

use std::sync::Arc;

use keyway_host::stores::{Phase, StoresError, TransitionError};
use keyway_secrets::{SecretStore, StoreError};
use keyway_storage::{Fault, Storage};

use crate::scripted::{Script, script};
use crate::world::*;

fn is_refused(error: &StoresError, expected: TransitionError) -> bool {
    matches!(error, StoresError::Refused { reason, .. } if *reason == expected)
}

/// Tests a creation that ended with an unknown effect, and then never succeeds.
#[tokio::test]
async fn a_store_that_is_never_made_can_be_forgotten() {
    let world = World::new();
    let hiccup = world.faulty();
    let stores = world.start_on(Arc::clone(&hiccup) as Arc<dyn Storage>).await;
    hiccup.0.fail_after(1, Fault::Unavailable);
    world.create_scripted(&stores, "wrong-path").await.unwrap_err();
    script("wrong-path", Script::Refuses(2));
    let store = name("wrong-path");
    stores.open_with(&store, &world.keys).await.unwrap_err();
    let failed = stores.an_hour_later(&world.keys).await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(stores.list().await.unwrap()[0].state.phase, Phase::Creating);

    stores.forget(&store).await.unwrap();
    assert!(stores.an_hour_later(&world.keys).await.is_empty());
    let refused = stores.forget(&store).await.unwrap_err();
    assert!(is_refused(&refused, TransitionError::NoStore), "{refused}");
    put(&world.create_scripted(&stores, "wrong-path").await.unwrap(), "a", "1").await;
}

#[tokio::test]
async fn a_store_whose_data_is_gone_can_be_forgotten() {
    let world = World::new();
    let stores = world.start().await;
    world.create(&stores).await.unwrap();
    world.lose_all_but(b"keyway-host").await;
    let gone = world.open(&stores).await.unwrap_err();
    assert!(matches!(gone, StoresError::Store(StoreError::NotInitialized)), "{gone}");
    let refused = world.create(&stores).await.unwrap_err();
    assert!(is_refused(&refused, TransitionError::Exists), "{refused}");
    stores.forget(&name("s")).await.unwrap();
    put(&world.create(&stores).await.unwrap(), "a", "1").await;
}

#[tokio::test]
async fn a_store_that_is_forgotten_can_be_adopted_with_its_data() {
    let world = World::new();
    let stores = world.start().await;
    put_ten(&world.create(&stores).await.unwrap()).await;
    stores.forget(&name("s")).await.unwrap();
    assert!(stores.list().await.unwrap().is_empty());
    has_ten(&world.adopt(&stores).await.unwrap()).await;
}

#[tokio::test]
async fn a_store_on_which_a_call_works_is_not_forgotten() {
    let world = World::new();
    let watched = world.faulty();
    let stores = world.start_on(Arc::clone(&watched) as Arc<dyn Storage>).await;
    let store = world.create(&stores).await.unwrap();
    let (send, refused) = tokio::sync::oneshot::channel();
    let other = stores.clone();
    // The first commit stores the intent of the deletion, and the second is the plugin's.
    watched.0.before_commit(1, async move {
        send.send(other.forget(&name("s")).await).unwrap();
    });
    store.marked_for_delete().await.unwrap();
    let refused = refused.await.unwrap().unwrap_err();
    assert!(is_refused(&refused, TransitionError::InFlight), "{refused}");
}
