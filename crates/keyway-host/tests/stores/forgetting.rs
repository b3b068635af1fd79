//! Tests that stores that can never be used are removed from the list.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_host::stores::{Phase, StoresError, TransitionError};
use keyway_secrets::{SecretStore, StoreError};
use keyway_storage::{Fault, Storage};

use crate::ground::until;
use crate::scripted::{Script, begun, block, release, script, unblock};
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

/// Tests a creation whose caller is gone. Its call still makes the data.
#[tokio::test]
async fn a_store_is_not_forgotten_while_a_call_without_a_caller_makes_it() {
    let world = Arc::new(World::new());
    let stores = world.start().await;
    block("made-late");
    let creating = tokio::spawn({
        let (world, stores) = (Arc::clone(&world), stores.clone());
        async move { world.create_scripted(&stores, "made-late").await.map(drop) }
    });
    until("the call begins", || begun("made-late") == 1).await;
    creating.abort();
    creating.await.unwrap_err();

    let refused = stores.forget(&name("made-late")).await.unwrap_err();
    assert!(is_refused(&refused, TransitionError::InFlight), "{refused}");
    assert_eq!(stores.finish(&world.keys).await, 0, "no second call begins");
    assert_eq!(begun("made-late"), 1);
    unblock("made-late");
    let ended = Instant::now();
    while let Err(refused) = stores.forget(&name("made-late")).await {
        assert!(is_refused(&refused, TransitionError::InFlight), "{refused}");
        assert!(ended.elapsed() < Duration::from_secs(5), "{refused}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let exists = world.create_scripted(&stores, "made-late").await.unwrap_err();
    assert!(matches!(exists, StoresError::DataExists { .. }), "{exists}");
}

/// Tests a deletion beside another one, whose callers are both gone. Each call may still delete the data.
#[tokio::test]
async fn a_name_is_not_free_while_one_of_two_deletions_goes_on() {
    let world = World::new();
    let engine = world.start().await;
    let store = Arc::new(world.create_scripted(&engine, "deleted-twice").await.unwrap());
    block("deleted-twice");
    let mut deletions = Vec::new();
    for number in 1..=2 {
        let store = Arc::clone(&store);
        deletions.push(tokio::spawn(async move { store.marked_for_delete().await }));
        until("the call begins", || begun("deleted-twice") == number).await;
    }
    release("deleted-twice", 1);
    // The second caller has the claim now, so the first one does not report the deletion.
    deletions.remove(0).await.unwrap().unwrap_err();
    let second = deletions.remove(0);
    second.abort();
    second.await.unwrap_err();

    let refused = engine.forget(&name("deleted-twice")).await.unwrap_err();
    assert!(is_refused(&refused, TransitionError::InFlight), "{refused}");
    // A third call, which does not wait, deletes the store. The second one could delete the next store of this name.
    release("deleted-twice", 3);
    store.marked_for_delete().await.unwrap();
    assert!(engine.list().await.unwrap().is_empty());
    let refused = world.create_scripted(&engine, "deleted-twice").await.unwrap_err();
    assert!(is_refused(&refused, TransitionError::InFlight), "{refused}");
    unblock("deleted-twice");
    let ended = Instant::now();
    while let Err(refused) = world.create_scripted(&engine, "deleted-twice").await {
        assert!(is_refused(&refused, TransitionError::InFlight), "{refused}");
        assert!(ended.elapsed() < Duration::from_secs(5), "{refused}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
