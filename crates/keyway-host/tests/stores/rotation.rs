//! Tests simultaneous and interrupted rotations.

use keyway_core::ErrorKind;
use keyway_host::WorkOutcome;
use keyway_host::stores::Phase;
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
    has(&stores.open_with(&name("s"), &new).await.unwrap(), "a", "1").await;
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
        // In the middle of the rotation, both rings together read everything.
        has_ten(&stores.open_with(&name("s"), &both).await.unwrap()).await;
        let begun = stores.list().await.unwrap()[0].state.phase == Phase::Rotating;
        assert_eq!(stores.finish(&both).await, usize::from(begun));
        let now = if begun || done { &new } else { &world.keys };
        has_ten(&stores.open_with(&name("s"), now).await.unwrap()).await;
        assert_eq!(stores.finish(&both).await, 0);
        if done {
            assert!(commits > 5, "a rotation in batches has several points to die at");
            return;
        }
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_recovered_stays_listed() {
    let (world, new) = (World::new(), ring());
    world.create(&world.start().await).await.unwrap();
    let store = world.open(&world.start_dying(2).await).await.unwrap();
    store.rotate(&new, &silent).await.unwrap_err();
    let stores = world.start().await;
    for reports in [stores.recover(&world.keys).await, stores.an_hour_later(&world.keys).await] {
        let WorkOutcome::Failed(error) = &reports[0].outcome else { panic!("{reports:?}") };
        assert_eq!(error.kind(), ErrorKind::WrongKey);
    }
    // A rotation to other keys must wait until the first one has ended.
    let both = new.with_retiring(&world.keys);
    let store = stores.open_with(&name("s"), &both).await.unwrap();
    let error = store.rotate(&ring(), &silent).await.unwrap_err();
    assert!(error.to_string().contains("under way"), "{error}");
    assert!(matches!(stores.an_hour_later(&both).await[0].outcome, WorkOutcome::Settled));
}
