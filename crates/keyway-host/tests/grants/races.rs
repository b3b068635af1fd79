//! Tests many callers at once, and two hosts on one storage engine.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use keyway_core::Clock;
use keyway_host::WorkOutcome;
use keyway_host::grants::{Decision, Disposal, GrantOutcome, GrantsError, Isolation, Phase, TransitionError};
use keyway_issuers::{Capabilities, IntentId};
use keyway_storage::{FaultyStorage, Sqlite, Storage};
use tokio::task::{JoinHandle, JoinSet};

use crate::world::*;

async fn at_once(hosts: &[Started], requests: usize) -> (usize, usize) {
    let mut running = JoinSet::new();
    for number in 0..requests {
        let grants = hosts[number % hosts.len()].clone();
        running.spawn(async move { grants.request(&svc(), plain_request("joe")).await });
    }
    let (mut made, mut refused) = (0, 0);
    while let Some(answer) = running.join_next().await {
        match answer.unwrap() {
            Ok(_) => made += 1,
            Err(GrantsError::Refused(TransitionError::LimitReached { .. })) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    (made, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_holds_for_64_requests_at_once_on_every_engine_and_over_hosts() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite: Arc<dyn Storage> =
        Arc::new(Sqlite::open_or_create(directory.path().join("grants.db")).unwrap());
    for storage in [memory(), sqlite] {
        for limit in [1, 5] {
            let (keys, world) = (ring(), World::plain());
            for entry in storage.scan(&keyway_storage::KeyRange::all(), None, 1000).await.unwrap().entries {
                let batch = keyway_storage::Batch::new().delete(entry.key, keyway_storage::Expectation::Any);
                let _ = storage.commit(batch).await.unwrap();
            }
            let start = |name| {
                host(&storage, &keys, service(&world).limit(limit))
                    .name(name)
                    .grant_limits(limits().with_isolation(Isolation::Task))
            };
            let hosts = [start("a").started().await, start("b").started().await];
            let (made, refused) = at_once(&hosts, 64).await;
            let limit = usize::try_from(limit).unwrap();
            assert_eq!((made, refused), (limit, 64 - limit));
            // The plugin got no further requests, and no further grants are stored.
            assert_eq!(
                (world.credentials(), world.change(|world| world.requests)),
                (limit, u32::try_from(limit).unwrap())
            );
            let listed = hosts[0].list(&user("joe").user).await.unwrap();
            assert_eq!(listed.len(), limit);
            for grant in listed {
                hosts[1].revoke(grant.id, user("joe")).await.unwrap();
            }
            // The other host has cached an old count. It reads the count again before it refuses.
            assert_eq!(at_once(&hosts[..1], limit + 1).await, (limit, 1));
        }
    }
}

/// Tests a caller that keeps its future and does not poll it. The first poll ends within the commit of the count.
#[tokio::test]
async fn a_request_that_is_not_polled_stops_no_other_of_its_user() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite: Arc<dyn Storage> =
        Arc::new(Sqlite::open_or_create(directory.path().join("grants.db")).unwrap());
    let (keys, world) = (ring(), World::plain());
    let grants = host(&sqlite, &keys, service(&world).limit(3)).started().await;
    let ask = async || grants.request(&svc(), plain_request("joe")).await;
    let mut kept = std::pin::pin!(ask());
    assert!(std::future::poll_fn(|context| Poll::Ready(kept.as_mut().poll(context).is_pending())).await);
    for _ in 0..2 {
        let asked = tokio::time::timeout(Duration::from_secs(5), ask()).await;
        asked.expect("the others do not wait for ever").unwrap();
    }
    kept.await.unwrap();
    let refused = ask().await.unwrap_err();
    assert!(matches!(refused, GrantsError::Refused(TransitionError::LimitReached { .. })), "{refused}");
    assert_eq!(world.credentials(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_requests_with_the_same_state_one_is_stored() {
    let world = World::plain();
    world.set(Request::SameState);
    let grants = start(&world).await;
    let mut running = JoinSet::new();
    for _ in 0..16 {
        let grants = grants.clone();
        running.spawn(async move { grants.request(&svc(), plain_request("joe")).await });
    }
    let answers = running.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let listed = grants.list(&user("joe").user).await.unwrap();
    assert_eq!((listed.len(), listed[0].state.orphans), (1, 15));
    grants.revoke(listed[0].id, user("joe")).await.unwrap();
    assert!(grants.list(&user("joe").user).await.unwrap().is_empty());
}

/// Tests that requests of one host that change the same record do not starve each other. The storage engine pauses, so
/// that all requests read the record before one of them changes it.
#[tokio::test]
async fn of_a_hundred_requests_with_the_same_state_none_is_starved() {
    let world = World::plain();
    world.set(Request::SameState);
    let storage = FaultyStorage::over(&memory()).pauses().into_engine() as Arc<dyn Storage>;
    let grants = host(&storage, &ring(), service(&world)).started().await;
    let mut running = JoinSet::new();
    for _ in 0..100 {
        let grants = grants.clone();
        running.spawn(async move { grants.request(&svc(), plain_request("joe")).await });
    }
    let answers = running.join_all().await;
    let storage_failed =
        answers.iter().filter(|answer| !matches!(answer, Ok(_) | Err(GrantsError::StateTaken { .. })));
    assert_eq!(storage_failed.count(), 0);
    let listed = grants.list(&user("joe").user).await.unwrap();
    assert_eq!((listed.len(), listed[0].state.orphans), (1, 99));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_do_not_revoke_at_the_same_time() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let clock = Arc::new(TestClock::default());
    let start = |name| host(&storage, &keys, service(&world)).name(name).clock(Arc::clone(&clock) as _);
    let (a, b) = (start("a").started().await, start("b").started().await);
    world.change(|world| world.revocations_to_fail = 20);
    for number in 0..20 {
        let subject = format!("user-{number}");
        let handed = granted(a.request(&svc(), plain_request(&subject)).await);
        a.revoke(handed.grant, user(&subject)).await.unwrap_err();
    }
    let now = clock.advance(Duration::from_secs(60));
    let (from_a, from_b) = tokio::join!(a.run_due(now), b.run_due(now));
    let settled = |worked: Vec<keyway_host::WorkReport>| {
        worked.iter().filter(|worked| matches!(worked.outcome, WorkOutcome::Gone)).count()
    };
    assert_eq!(settled(from_a.unwrap()) + settled(from_b.unwrap()), 20);
    assert_eq!((world.credentials(), world.change(|world| world.revocations)), (0, 40));
}

#[tokio::test]
async fn a_record_that_another_host_holds_is_left_to_it_until_its_lease_ran_out() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let clock = Arc::new(TestClock::default());
    // The claims are short, because a host that waits for a claim uses a clock that tests cannot set.
    let limits =
        limits().with_deadline(Duration::from_millis(150)).with_lease_grace(Duration::from_millis(100));
    let start = |name| {
        host(&storage, &keys, service(&world)).name(name).grant_limits(limits).clock(Arc::clone(&clock) as _)
    };
    let (a, b) = (start("a").started().await, start("b").started().await);
    world.set(Request::HangsAfter);
    // The host `a` dies while it asks the plugin.
    let service = svc();
    let asked = tokio::time::timeout(Duration::from_millis(50), a.request(&service, plain_request("joe")));
    assert!(asked.await.is_err());
    drop(a);
    let now = clock.advance(Duration::from_secs(3600));
    // The clock of the first host does not matter, because the other host measures the wait by its own clock.
    let worked = b.run_due(now).await.unwrap();
    assert!(matches!(worked[0].outcome, WorkOutcome::LeasedElsewhere), "{worked:?}");
    tokio::time::sleep(Duration::from_millis(450)).await;
    let worked = b.run_due(clock.now()).await.unwrap();
    assert!(matches!(worked[0].outcome, WorkOutcome::NeedsDecision), "{worked:?}");
    assert_eq!(b.all_undecided().await.len(), 1);
}

/// Lets the run `b` take over a request on which `a` is still working. This is possible because both have the same
/// name, and `b` treats `a` as an earlier run.
async fn overtaken(
    capabilities: Capabilities,
    forget: bool,
) -> (Arc<World>, Started, Result<GrantOutcome, GrantsError>) {
    let (world, b, asked) = overtaking(capabilities, forget).await;
    (world, b, asked.await.unwrap())
}

async fn overtaking(
    capabilities: Capabilities,
    forget: bool,
) -> (Arc<World>, Started, JoinHandle<Result<GrantOutcome, GrantsError>>) {
    let (storage, keys, world) = (memory(), ring(), World::new(capabilities));
    world.set(Request::Slow);
    let a = host(&storage, &keys, service(&world)).started().await;
    let asked = tokio::spawn(async move { a.request(&svc(), plain_request("joe")).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let b = host(&storage, &keys, service(&world)).started().await;
    let worked = b.recover().await.unwrap();
    assert_eq!(worked.len(), 1);
    if forget {
        b.decide(&user("joe").user, worked[0].record.parse().unwrap(), Decision::NothingThere).await.unwrap();
    }
    (world, b, asked)
}

#[tokio::test]
async fn a_late_answer_is_taken_if_the_grant_is_still_there() {
    for capabilities in [Capabilities::MINIMAL, Capabilities::MINIMAL.reconciles(true)] {
        let (world, b, answer) = overtaken(capabilities, false).await;
        let handed = granted(answer);
        let listed = b.list(&user("joe").user).await.unwrap();
        assert_eq!((listed.len(), listed[0].id, listed[0].state.phase), (1, handed.grant, Phase::Granted));
        assert!(!listed[0].state.undelivered && b.all_undecided().await.is_empty());
        assert_eq!(world.credentials(), 1);
    }
}

#[tokio::test]
async fn a_late_credential_that_nobody_expects_any_more_is_revoked() {
    let (world, b, answer) = overtaken(Capabilities::MINIMAL, true).await;
    let error = answer.unwrap_err();
    assert!(matches!(error, GrantsError::Overtaken { disposal: Disposal::Revoked, .. }), "{error}");
    assert!(world.credentials() == 0 && b.list(&user("joe").user).await.unwrap().is_empty());
}

/// Tests a host that dies while it revokes a late credential.
#[tokio::test]
async fn a_late_credential_that_is_not_revoked_yet_has_a_record() {
    let (world, b, asked) = overtaking(Capabilities::MINIMAL, true).await;
    world.change(|world| world.hanging_revocations = true);
    tokio::time::sleep(Duration::from_millis(300)).await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    world.change(|world| world.hanging_revocations = false);
    assert_eq!(b.list(&user("joe").user).await.unwrap()[0].state.phase, Phase::Revoking);
    b.recover().await.unwrap();
    assert!(world.credentials() == 0 && b.list(&user("joe").user).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_late_credential_whose_revocation_fails_is_revoked_later() {
    let (world, b, asked) = overtaking(Capabilities::MINIMAL, true).await;
    world.change(|world| world.revocations_to_fail = 1);
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(error, GrantsError::Overtaken { disposal: Disposal::ToBeRevoked, .. }), "{error}");
    assert!(!error.user_message().contains("was discarded"), "{}", error.user_message());
    assert_eq!(b.list(&user("joe").user).await.unwrap()[0].state.phase, Phase::Revoking);
}

#[tokio::test]
async fn work_in_hand_is_not_taken_from_oneself() {
    let world = World::plain();
    world.set(Request::HangsAfter);
    let grants = host(&memory(), &ring(), service(&world))
        .grant_limits(limits().with_deadline(Duration::from_millis(300)))
        .started()
        .await;
    let asked = tokio::spawn({
        let grants = grants.clone();
        async move { grants.request(&svc(), plain_request("joe")).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(grants.recover().await.unwrap().is_empty(), "nothing was cut short");
    let id = grants.list(&user("joe").user).await.unwrap()[0].id;
    let refused = grants.revoke(id, user("joe")).await.unwrap_err();
    assert!(
        matches!(refused, GrantsError::Refused(TransitionError::BeingRevoked | TransitionError::InFlight)),
        "{refused}"
    );
    asked.await.unwrap().unwrap_err();
}

/// Tests a host whose request is refused after another host took over its claim. The refusal says nothing about the
/// call of the host that took over, so the grant stays listed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_refusal_forgets_nothing_of_the_host_that_took_over() {
    let (storage, keys) = (memory(), ring());
    let world = World::new(Capabilities::MINIMAL.idempotent(true));
    let request = || plain_request("joe").with_id(IntentId::new("order-7").unwrap());
    // Both runs have the same name, so that the later one takes over at once.
    let start = || host(&storage, &keys, service(&world));
    let (overtaken, later) = (start().started().await, start().started().await);
    world.set(Request::RefusesLate);
    let asked = tokio::spawn(async move { overtaken.request(&svc(), request()).await });
    while world.change(|world| world.requests) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.set(Request::ErrorAfter);
    later.request(&svc(), request()).await.unwrap_err();
    assert_eq!(world.credentials(), 1);
    asked.await.unwrap().unwrap_err();
    let listed = later.list(&user("joe").user).await.unwrap();
    assert_eq!(listed.len(), 1, "a credential is there, and nothing knows of it");
}
