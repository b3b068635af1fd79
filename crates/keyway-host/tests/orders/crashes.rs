//! Tests that another run of the host continues the work on orders, whichever commit the process ends at.

use std::sync::Arc;

use keyway_conformance::certificates::{CaCall, ScriptedCa};
use keyway_host::orders::{Decision, End, Order, Phase};
use keyway_storage::{Sqlite, Storage};

use crate::world::*;

fn engine(directory: &tempfile::TempDir, sqlite: bool, number: u64) -> Arc<dyn Storage> {
    if sqlite {
        Arc::new(Sqlite::open_or_create(directory.path().join(format!("{number}.db"))).unwrap())
    } else {
        memory()
    }
}

/// Places an order, changes it and lets it come to its end. The function stops at the first error.
async fn life(world: &World, request: &str) -> Option<Order> {
    let order = world.submit(new_order().with_request_id(request)).await.ok()?;
    for step in 0..4 {
        let now = world.clock.advance(2 * DELAY);
        world.host.run_due(now).await.ok()?;
        if step == 0 {
            world.modify(&joe(), &order.id, &metadata(r#"{"name": "new.example.com"}"#)).await.ok()?;
        }
    }
    Some(order)
}

/// Runs the life of an order on a storage engine that stops at its n-th commit, for every n and in four variants: the
/// commit takes effect or not, and the engine can still be read or not. Then a new run continues. The order is neither
/// lost nor placed twice. If a person has to decide, the order is listed.
#[tokio::test]
async fn nothing_is_lost_or_doubled_wherever_the_process_ends() {
    const LAST: u64 = 11;
    let directory = tempfile::tempdir().unwrap();
    let all = ScriptedCa::CAPABILITIES;
    let mut undecided = 0;
    for (round, (capabilities, sqlite)) in
        [(forgetful(), false), (all.idempotent(false), false), (all, true)].into_iter().enumerate()
    {
        for commits in 0..=LAST {
            for variant in 0..4 {
                let (applied, reads_too) = (variant & 1 != 0, variant & 2 != 0);
                let number = round as u64 * 100 + commits * 4 + variant;
                let (storage, keys, clock) = (engine(&directory, sqlite, number), ring(), Arc::default());
                let ca = ScriptedCa::new().looks(2).with_capabilities(capabilities);
                let host = |storage| builder(storage, &keys, &clock).authority(given("ca", &ca));
                World::start(host(&storage), &clock).await;

                let dying = dying(&storage, commits, applied, reads_too);
                let is_whole = life(&World::start(host(&dying), &clock).await, "request").await.is_some();
                assert!(is_whole || commits < LAST, "a whole life has more commits");

                let world = World::start(host(&storage), &clock).await;
                world.host.recover().await.unwrap();
                let listed = world.list(&joe()).await.unwrap();
                let order = match listed.as_slice() {
                    [] => world.submit(new_order().with_request_id("request")).await.unwrap(),
                    [order] => order.clone(),
                    more => panic!("doubled: {more:?}"),
                };
                let placed = || ca.effects().iter().filter(|effect| effect.call == CaCall::Issue).count();
                for _ in 0..9 {
                    world.pass(10 * DELAY).await;
                    for listed in world.undecided(None, 9).await.unwrap().orders {
                        assert_eq!((capabilities, &listed.id), (forgetful(), &order.id));
                        undecided += 1;
                        let decision = if placed() == 0 { Decision::NotPlaced } else { Decision::Placed };
                        world.decide(&joe(), &order.id, decision).await.unwrap();
                    }
                }
                let order = world.look(&order).await;
                let case = format!("{capabilities:?} {commits} {applied} {reads_too}: {order:?}");
                assert_eq!(placed(), 1, "{case}");
                assert_eq!(ca.doubled(), [], "{case}");
                assert_eq!(order.state.phase, Phase::Finished(End::Generated), "{case}");
                assert!(world.host.recover().await.unwrap().is_empty(), "{case}");
            }
        }
    }
    assert!(undecided > 0, "the test met no order that a person has to decide");
}
