//! Tests that another run of the host continues the work on sessions, whichever commit the process ends at.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use keyway_conformance::credentials::StoreCall;
use keyway_credentials::{Holder, Lease, LeaseId, PrivateKeys};
use keyway_host::sessions::{Decision, FetchRequest};
use keyway_storage::{Sqlite, Storage};

use crate::world::*;

/// Runs the life of a session, and stops at the first error. The handle is lost with its process.
async fn life(world: &World) -> bool {
    let session = world.session("s");
    let run = async || {
        session.fetch::<PrivateKeys>(&hall(), FetchRequest::new()).await.ok()?;
        passwords(&session).await.ok()?;
        session.authentication_completed().await.ok()?;
        session.end().await.ok()
    };
    let is_whole = run().await.is_some();
    std::mem::forget(session);
    is_whole
}

/// Runs the life of a session on a storage engine that stops at its n-th commit, for every n and in four variants: the
/// commit takes effect or not, and the engine can still be read or not. Then a new run continues. Every lease that was
/// given is checked in, once or repeatedly with the same intent. If a person has to decide, the fetch is listed.
#[tokio::test]
async fn nothing_is_lost_or_doubled_wherever_the_process_ends() {
    const LAST: u64 = 13;
    let directory = tempfile::tempdir().unwrap();
    let mut undecided = 0;
    let kinds = [(plain(), false), (plain().reconciles(false), false), (forgetful(), false), (plain(), true)];
    for (round, (capabilities, sqlite)) in kinds.into_iter().enumerate() {
        for commits in 0..=LAST {
            for variant in 0..4 {
                let (applied, reads_too) = (variant & 1 != 0, variant & 2 != 0);
                let file = directory.path().join(format!("{round}-{commits}-{variant}.db"));
                let storage: Arc<dyn Storage> =
                    if sqlite { Arc::new(Sqlite::open_or_create(file).unwrap()) } else { memory() };
                let (keys, clock) = (ring(), Arc::default());
                let store = store(&clock).with_capabilities(capabilities);
                let host = |storage| builder(storage, &keys, &clock).vault(vault(&store));
                World::start(host(&storage), &clock).await;

                let dying = dying(&storage, commits, applied, reads_too);
                let is_whole = life(&World::start(host(&dying), &clock).await).await;
                assert!(is_whole || commits < LAST, "a whole life has more commits");

                let world = World::start(host(&storage), &clock).await;
                world.host.recover().await.unwrap();
                for _ in 0..9 {
                    world.pass(Duration::from_secs(60)).await;
                    for fetch in world.undecided(None, 9).await.unwrap().fetches {
                        assert_eq!(capabilities, forgetful());
                        undecided += 1;
                        let held = store.held();
                        let decision = match held.first() {
                            Some(lease) => Decision::Made(
                                fetch.candidates[0].clone(),
                                Lease::new(LeaseId::new(lease.as_str()).unwrap()),
                            ),
                            None => Decision::NothingThere,
                        };
                        world.decide(&fetch, decision, Holder::new("ada").unwrap()).await.unwrap();
                    }
                }
                let case =
                    format!("{capabilities:?} {commits} {applied} {reads_too}: {:#?}", store.effects());
                assert_eq!(store.held(), [""; 0], "{case}");
                if capabilities != forgetful() {
                    assert_eq!(store.doubled(), [], "{case}");
                }
                let intents = |lease: &str| -> BTreeSet<Option<String>> {
                    let calls = store.calls().into_iter();
                    let calls = calls.filter(|call| {
                        call.call == StoreCall::CheckIn && call.lease.as_deref() == Some(lease)
                    });
                    calls.map(|call| call.intent).collect()
                };
                for effect in store.effects() {
                    if let Some(lease) = effect.lease.filter(|_| effect.call == StoreCall::Passwords) {
                        assert_eq!(intents(&lease).len(), 1, "{case}");
                    }
                }
                assert!(world.host.recover().await.unwrap().is_empty(), "{case}");
            }
        }
    }
    assert!(undecided > 0, "the test met no fetch that a person has to decide");
}
