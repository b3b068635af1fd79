//! Tests interrupted creations and adoptions.

use std::sync::Arc;

use keyway_core::{Effect, ErrorKind, PluginError};
use keyway_host::WorkOutcome;
use keyway_host::stores::{Phase, StoresError, TransitionError};
use keyway_storage::{Fault, FaultyStorage, Storage};

use crate::scripted::{Script, script};
use crate::world::*;

#[tokio::test]
async fn a_creation_can_be_cut_short_anywhere() {
    for commits in 0.. {
        let world = World::new();
        world.start().await;
        let done = world.create(&world.start_dying(commits).await).await.is_ok();
        let stores = world.start().await;
        stores.finish(&world.keys).await;
        match world.open(&stores).await {
            Ok(store) => put(&store, "a", "1").await,
            Err(error) => assert!(
                !done && matches!(error, StoresError::Refused { reason: TransitionError::NoStore, .. }),
                "after {commits} commits: {error}"
            ),
        }
        if done {
            assert!(commits >= 3, "the intent, the store and the result are three commits");
            return;
        }
    }
}

#[tokio::test]
async fn a_creation_that_another_host_finishes_meanwhile_succeeds() {
    for before in [2, 3] {
        for commits_of_the_other in [1, 2, 100] {
            let world = World::new();
            world.start().await;
            let other = world.start_dying(commits_of_the_other).await;
            let overtaken = FaultyStorage::over(&world.storage).into_engine();
            let keys = world.keys.clone();
            // During the creation the other host opens the store, and may die while it does so.
            overtaken.0.before_commit(before - 1, async move {
                let _ = other.open_with(&name("s"), &keys).await;
            });
            let slow = world.start_on(Arc::clone(&overtaken) as Arc<dyn Storage>).await;
            put(&world.create(&slow).await.unwrap(), "a", "1").await;
            assert!(!overtaken.0.has_planned_events(), "the other host did open it");
            let listed = slow.list().await.unwrap();
            assert_eq!((listed.len(), listed[0].state.phase), (1, Phase::Active));
        }
    }
}

#[tokio::test]
async fn a_creation_with_an_open_end_stays_listed() {
    let world = World::new();
    world.start().await;
    // The disk fails when the plugin makes the store, so the outcome is unknown.
    let error = world.create(&world.start_dying(1).await).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    let stores = world.start().await;
    assert_eq!(stores.list().await.unwrap()[0].state.phase, Phase::Creating);
    let error = world.create(&stores).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    world.open(&stores).await.unwrap();
    assert_eq!(stores.list().await.unwrap()[0].state.phase, Phase::Active);
}

#[tokio::test]
async fn an_adoption_can_be_cut_short_and_never_makes_a_store() {
    for exists in [true, false] {
        let world = World::new();
        if exists {
            world.create(&world.start().await).await.unwrap();
            // The record of the store is lost.
            world.lose(b"keyway-host\0\x02").await;
        }
        world.start().await;
        // The host dies after the intent was stored.
        world.adopt(&world.start_dying(1).await).await.unwrap_err();
        let stores = world.start().await;
        assert_eq!(stores.list().await.unwrap()[0].state.phase, Phase::Adopting);
        let recovered = stores.recover(&world.keys).await;
        assert_eq!(matches!(recovered[0].outcome, WorkOutcome::Settled), exists, "{recovered:?}");
        assert_eq!(world.open(&stores).await.is_ok(), exists);
        assert_eq!(stores.list().await.unwrap().len(), usize::from(exists));
    }
}

/// Tests that a creation does not go on without knowing whether there is data. Resumed later, it would take existing
/// data for its own.
#[tokio::test]
async fn a_creation_whose_check_for_data_fails_is_not_recorded() {
    let world = World::new();
    let first = world.start().await;
    put(&world.create_scripted(&first, "reached-late").await.unwrap(), "a", "1").await;
    // The data belongs to another program, of which this host has no record.
    world.lose(b"keyway-host").await;
    let other = World { storage: Arc::clone(&world.storage), host_keys: ring(), keys: world.keys.clone() };
    let stores = other.start().await;
    script("reached-late", Script::Unavailable(2));
    let error = other.create_scripted(&stores, "reached-late").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }), "{error}");
    assert!(stores.list().await.unwrap().is_empty());
    script("reached-late", Script::Unavailable(0));
    let stranger = World { keys: ring(), ..other };
    for world in [&world, &stranger] {
        let error = world.create_scripted(&stores, "reached-late").await.unwrap_err();
        assert!(matches!(error, StoresError::DataExists { .. }), "{error}");
    }
    assert!(stores.list().await.unwrap().is_empty());
}

/// Tests that an error says "without effect" only if nothing is listed.
#[tokio::test]
async fn a_creation_whose_result_is_not_stored_has_an_unknown_effect() {
    for (store, refuses, commits) in [("made", 0, 2), ("refused", 1, 1)] {
        let world = World::new();
        let hiccup = world.faulty();
        let stores = world.start_on(Arc::clone(&hiccup) as Arc<dyn Storage>).await;
        // The intent is one commit, and the plugin makes another if it does not refuse.
        hiccup.0.fail_after(commits, Fault::Unavailable);
        script(store, Script::Refuses(refuses));
        let error = world.create_scripted(&stores, store).await.unwrap_err();
        assert_eq!(stores.list().await.unwrap()[0].state.phase, Phase::Creating, "{store}: {error}");
        assert_eq!(error.effect(), Effect::Unknown, "{store}: {error}");
    }
}
