//! Checks the result when everything has ended and the vault works.

use std::sync::PoisonError;
use std::time::Duration;

use keyway_storage::{KeyRange, Storage as _};

use super::silence::text_is_silent;
use super::world::{ATTEMPTS, World, settled};
use crate::records::{PREFIX, RECORD};

/// The kind of the records of sessions.
const SESSION: u8 = 8;

/// The maximum number of passes that the host gets, each two hours after the last one.
const MOST_PASSES: usize = 24;

/// Ends everything, and checks that nothing is left.
pub(super) async fn check(mut world: World) {
    world.vault.works();
    world.join().await;
    world.restart().await;
    for id in world.detached.clone() {
        world.resume(0, id).await;
        if let Some(session) = world.sessions[0].take() {
            settled(session.end().await);
        }
    }
    for _ in 0..MOST_PASSES {
        world.clock.forward(Duration::from_secs(2 * 3600));
        world.work().await;
        if !world.decide().await && records(&world).await == 0 {
            break;
        }
    }
    for line in world.audit.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        text_is_silent(line);
    }
    let left = records(&world).await;
    let ledger = world.vault.ledger();
    assert!(ledger.faults.is_empty(), "{:#?}", ledger.faults);
    let unanswered = ledger.unanswered_renewals(ATTEMPTS);
    let held: Vec<_> = ledger
        .held
        .iter()
        .filter(|(lease, _)| !world.forgotten.contains(*lease) && !unanswered.contains(*lease))
        .collect();
    assert!(held.is_empty(), "the vault still holds {held:#?}");
    assert_eq!(left, 0, "a record of a session is left");
}

/// Counts the records of sessions.
async fn records(world: &World) -> usize {
    let range = KeyRange::prefix([PREFIX, &[SESSION, RECORD]].concat());
    world.storage.scan(&range, None, 100).await.expect("the storage engine works").entries.len()
}
