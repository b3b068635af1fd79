//! Tests that another run of the host continues the work on grants, whichever commit the process ends at.

use std::sync::Arc;

use keyway_host::WorkOutcome;
use keyway_host::grants::{GrantOutcome, Phase};
use keyway_issuers::{Capabilities, IntentId};
use keyway_storage::{Sqlite, Storage};

use crate::world::*;

fn engine(directory: &tempfile::TempDir, sqlite: bool, number: u64) -> Arc<dyn Storage> {
    if sqlite {
        Arc::new(Sqlite::open_or_create(directory.path().join(format!("{number}.db"))).unwrap())
    } else {
        memory()
    }
}

/// Requests and revokes on a storage engine that stops at its n-th commit, for every n and in four variants: the commit
/// takes effect or not, and the engine can still be read or not. Then a new run recovers. Every credential must have a
/// record, a grant in the phase `Granted` must have its credential, and a grant with an unknown outcome must wait for a
/// person.
#[tokio::test]
async fn nothing_is_lost_wherever_the_process_ends() {
    const LAST: u64 = 6;
    let directory = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for (round, (capabilities, sqlite)) in [
        (Capabilities::MINIMAL, false),
        (Capabilities::MINIMAL.reconciles(true), false),
        (Capabilities::MINIMAL.reconciles(true).idempotent(true), true),
    ]
    .into_iter()
    .enumerate()
    {
        for commits in 0..=LAST {
            for variant in 0..4 {
                let (applied, reads_too) = (variant & 1 != 0, variant & 2 != 0);
                let number = round as u64 * 100 + commits * 4 + variant;
                let (storage, keys) = (engine(&directory, sqlite, number), ring());
                let world = World::new(capabilities);
                host(&storage, &keys, service(&world)).started().await;

                let dying = dying(&storage, commits, applied, reads_too);
                let grants = host(&dying, &keys, service(&world)).started().await;
                let is_whole = match grants.request(&svc(), plain_request("joe")).await {
                    Ok(GrantOutcome::Granted(handed)) => {
                        grants.revoke(handed.grant, user("joe")).await.is_ok()
                    }
                    _ => false,
                };
                assert!(is_whole || commits < LAST, "a whole life has more commits");
                drop(grants);

                let grants = host(&storage, &keys, service(&world)).started().await;
                let worked = grants.recover().await.unwrap();
                let listed = grants.list(&user("joe").user).await.unwrap();
                let case = format!("{capabilities:?} {commits} {applied} {reads_too}: {worked:?} {listed:?}");
                assert!(
                    !worked.iter().any(|worked| matches!(worked.outcome, WorkOutcome::Failed(_))),
                    "{case}"
                );
                assert!(world.credentials() <= listed.len() && listed.len() <= 1, "lost: {case}");
                let undecided = grants.all_undecided().await.len();
                for grant in &listed {
                    seen.push(grant.state.phase);
                    match grant.state.phase {
                        Phase::Granted => assert_eq!(world.credentials(), 1, "{case}"),
                        Phase::Indeterminate => assert_eq!(undecided, 1, "{case}"),
                        Phase::Intended | Phase::Revoking => panic!("recovery left it: {case}"),
                    }
                }
                assert!(
                    !capabilities.reconciles || undecided == 0,
                    "a plugin that can tell was not asked: {case}"
                );
                // A second recovery finds nothing, and the count of grants is right.
                assert!(grants.recover().await.unwrap().is_empty(), "{case}");
                let grants = host(&storage, &keys, service(&world).limit(1)).started().await;
                let another = grants.request(&svc(), plain_request("joe")).await;
                assert_eq!(another.is_ok(), listed.is_empty(), "{case}");
            }
        }
    }
    for phase in [Phase::Granted, Phase::Indeterminate] {
        assert!(seen.contains(&phase), "the test met no grant that is {phase:?}");
    }
}

/// Tests a caller that repeats its request after a crash with the same id. An idempotent plugin never makes two
/// credentials, and for any other plugin every possible duplicate is listed.
#[tokio::test]
async fn a_repeated_request_doubles_nothing_or_is_reported() {
    for idempotent in [true, false] {
        for commits in 0..4 {
            for applied in [false, true] {
                let (storage, keys) = (memory(), ring());
                let world = World::new(Capabilities::MINIMAL.idempotent(idempotent));
                let again = || plain_request("joe").with_id(IntentId::new("order-17").unwrap());
                host(&storage, &keys, service(&world)).started().await;
                let dying = dying(&storage, commits, applied, true);
                let grants = host(&dying, &keys, service(&world)).started().await;
                let _ = grants.request(&svc(), again()).await;
                drop(grants);

                let grants = host(&storage, &keys, service(&world)).started().await;
                grants.recover().await.unwrap();
                let answer = grants.request(&svc(), again()).await;
                let undecided = grants.all_undecided().await;
                let listed = grants.list(&user("joe").user).await.unwrap();
                let case = format!("{idempotent} {commits} {applied}: {answer:?} {listed:?}");
                assert!(world.credentials() <= 1, "doubled: {case}");
                assert_eq!(listed.len(), 1, "{case}");
                if idempotent {
                    assert!(answer.is_ok() && undecided.is_empty() && world.credentials() == 1, "{case}");
                } else {
                    assert_eq!(answer.is_err(), !undecided.is_empty(), "{case}");
                }
            }
        }
    }
}

/// Tests a plugin that refuses the second attempt of a request. The refusal says nothing about the first attempt, whose
/// credential must not be forgotten.
#[tokio::test]
async fn a_refusal_of_the_second_attempt_forgets_nothing_of_the_first() {
    for second in [Request::Refuses, Request::WantsLogin] {
        let world = World::new(Capabilities::MINIMAL.idempotent(true));
        let again = || plain_request("joe").with_id(IntentId::new("order-7").unwrap());
        let grants = start(&world).await;
        world.set(Request::ErrorAfter);
        grants.request(&svc(), again()).await.unwrap_err();
        assert_eq!(world.credentials(), 1);
        world.set(second);
        let answer = grants.request(&svc(), again()).await;
        let listed = grants.list(&user("joe").user).await.unwrap();
        assert_eq!(listed.len(), 1, "{second:?}: {answer:?}");
        world.set(Request::Works);
        granted(grants.request(&svc(), again()).await);
        assert_eq!(world.credentials(), 1, "{second:?}");
    }
}

/// Tests that a caller that stops waiting leaves the same state as a crash.
#[tokio::test]
async fn a_dropped_request_is_recovered_by_the_same_run() {
    let world = World::new(Capabilities::MINIMAL.reconciles(true));
    world.set(Request::HangsAfter);
    let grants = start(&world).await;
    let service = svc();
    let asked = tokio::time::timeout(
        std::time::Duration::from_millis(20),
        grants.request(&service, plain_request("joe")),
    );
    assert!(asked.await.is_err());
    assert_eq!(grants.list(&user("joe").user).await.unwrap()[0].state.phase, Phase::Intended);
    let worked = grants.recover().await.unwrap();
    assert!(matches!(worked[0].outcome, WorkOutcome::Settled), "{worked:?}");
    assert!(grants.list(&user("joe").user).await.unwrap()[0].state.undelivered);
}
