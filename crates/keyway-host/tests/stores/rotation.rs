//! Rotations at the same time, and rotations that are cut short.

use keyway_host::stores::{Phase, StoresError};
use keyway_secrets::SecretStore;

use crate::world::*;

#[tokio::test]
async fn two_handles_that_rotate_to_the_same_keys_both_succeed() {
    let (world, new) = (World::new(), ring());
    let stores = world.start().await;
    let one = world.create(&stores).await.unwrap();
    let two = world.open(&stores).await.unwrap();
    put(&one, "a", "1").await;
    let (first, second) = tokio::join!(one.rotate(&new, &silent), two.rotate(&new, &silent));
    first.unwrap();
    second.unwrap();
    has(&stores.open(&name("s"), &new).await.unwrap(), "a", "1").await;
}

#[tokio::test]
async fn a_rotation_can_be_cut_short_anywhere() {
    for commits in 0.. {
        let (world, new) = (World::new(), ring());
        put_ten(&world.create(&world.start().await).await.unwrap()).await;
        let store = world.open(&world.start_dying(commits).await).await.unwrap();
        let done = store.rotate(&new, &silent).await.is_ok();

        let stores = world.start().await;
        let both = new.with_retiring(&world.keys);
        // In the middle of it all is readable with both.
        has_ten(&stores.open(&name("s"), &both).await.unwrap()).await;
        let recovered = stores.recover(&both, &silent).await.unwrap();
        let begun = !recovered.is_empty();
        for recovered in recovered {
            assert_eq!(recovered.phase, Phase::Rotating);
            recovered.outcome.unwrap();
        }
        let now = if begun || done { &new } else { &world.keys };
        has_ten(&stores.open(&name("s"), now).await.unwrap()).await;
        assert!(stores.recover(&both, &silent).await.unwrap().is_empty());
        if done {
            assert!(commits > 5, "a rotation in batches has several points to die at");
            return;
        }
    }
}

#[tokio::test]
async fn what_cannot_be_recovered_stays_listed() {
    let (world, new) = (World::new(), ring());
    world.create(&world.start().await).await.unwrap();
    let store = world.open(&world.start_dying(2).await).await.unwrap();
    store.rotate(&new, &silent).await.unwrap_err();
    let stores = world.start().await;
    for _ in 0..2 {
        let recovered = stores.recover(&world.keys, &silent).await.unwrap();
        assert!(matches!(&recovered[0].outcome, Err(StoresError::MissingKeys { .. })));
    }
    // Another target has to wait for the first.
    let both = new.with_retiring(&world.keys);
    let store = stores.open(&name("s"), &both).await.unwrap();
    let error = store.rotate(&ring(), &silent).await.unwrap_err();
    assert!(error.to_string().contains("under way"), "{error}");
    assert!(stores.recover(&both, &silent).await.unwrap()[0].outcome.is_ok());
}
