//! Tests index entries that an attacker without a key wrote into the storage engine.

use std::sync::Arc;
use std::time::Duration;

use keyway_host::WorkOutcome;
use keyway_storage::{Batch, Expectation, KeyRange, Storage};

use crate::world::*;

/// Makes the key of an index entry for grants: the room, the sort order, and an id.
fn planted(room: u8, order: &[u8], number: u32) -> Vec<u8> {
    let id = [&[7; 12][..], &number.to_be_bytes()].concat();
    [&b"keyway-host\0\x03"[..], &[room], order, &id].concat()
}

async fn entries_in(storage: &Arc<dyn Storage>, room: u8) -> Vec<Vec<u8>> {
    let range = KeyRange::prefix([&b"keyway-host\0\x03"[..], &[room]].concat());
    let entries = storage.scan(&range, None, 4096).await.unwrap().entries;
    entries.into_iter().map(|entry| entry.key).collect()
}

const DUE: u8 = 4;
const CLAIMED: u8 = 5;
const UNDECIDED: u8 = 6;

/// Tests that a real entry is handled in one pass, however many planted entries come before it, and that the planted
/// ones are removed.
#[tokio::test]
async fn planted_entries_hide_no_due_work() {
    for number in [0, 127, 128, 1000] {
        let (storage, world) = (memory(), World::plain());
        let clock = Arc::new(TestClock::default());
        let built = host(&storage, &ring(), service(&world)).clock(Arc::clone(&clock) as _);
        let grants = built.started().await;
        let issued = granted(grants.request(&svc(), plain_request("joe")).await);
        world.change(|world| world.revocations_to_fail = 1);
        grants.revoke(issued.grant, user("joe")).await.unwrap_err();
        let real = entries_in(&storage, DUE).await.remove(0);
        let lane = &real[14..30];
        for number in 0..number {
            let due = planted(DUE, &[lane, &[0; 8]].concat(), number);
            // Some values have a wrong length.
            let value = vec![9; 14 + usize::try_from(number % 4).unwrap()];
            let batch = Batch::new()
                .put(due, value.clone(), Expectation::Any)
                .put(
                    planted(CLAIMED, &[[3; 16].as_slice(), &[0; 8]].concat(), number),
                    value.clone(),
                    Expectation::Any,
                )
                .put(planted(UNDECIDED, &[], number), value, Expectation::Any);
            let _ = storage.commit(batch).await.unwrap();
        }
        let worked = grants.run_due(clock.advance(Duration::from_secs(60))).await.unwrap();
        assert!(matches!(&worked[..], [done] if matches!(done.outcome, WorkOutcome::Gone)), "{worked:?}");
        assert_eq!(world.credentials(), 0);
        assert!(entries_in(&storage, DUE).await.is_empty());
        assert!(grants.undecided(None, 2000).await.unwrap().grants.is_empty());
        assert!(entries_in(&storage, UNDECIDED).await.is_empty());
        grants.run_due(clock.advance(Duration::from_secs(1_000_000_000))).await.unwrap();
        assert!(entries_in(&storage, CLAIMED).await.is_empty());
    }
}

/// Tests that keys that are too short for an index entry stop neither the loop nor a list, and that they are removed.
#[tokio::test]
async fn planted_keys_that_are_too_short_stop_no_work() {
    let (storage, world) = (memory(), World::plain());
    let host =
        host(&storage, &ring(), service(&world)).grant_limits(crate::run::limits()).start().await.unwrap();
    let issued = granted(host.grants().request(&svc(), plain_request("joe")).await);
    world.change(|world| world.revocations_to_fail = 1);
    host.grants().revoke(issued.grant, user("joe")).await.unwrap_err();
    let real = entries_in(&storage, DUE).await.remove(0);
    let lane = &real[14..30];
    let planted: [(u8, &[u8]); 6] =
        [(DUE, b""), (DUE, b"x"), (DUE, lane), (CLAIMED, b""), (CLAIMED, &[3; 20]), (UNDECIDED, b"x")];
    for (room, rest) in planted {
        let key = [&b"keyway-host\0\x03"[..], &[room], rest].concat();
        let _ = storage.commit(Batch::new().put(key, "planted", Expectation::Any)).await.unwrap();
    }
    let (end, run) = crate::run::running(&host);
    until("it is revoked", || world.credentials() == 0).await;
    assert!(host.grants().undecided(None, 9).await.unwrap().grants.is_empty());
    host.health().await.unwrap();
    for room in [DUE, CLAIMED, UNDECIDED] {
        assert!(entries_in(&storage, room).await.is_empty(), "room {room}");
    }
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
}
