//! Tests that a plugin that hangs delays only the work in its own lane.
//!
//! See decision R6.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use keyway_host::WorkOutcome;
use keyway_host::grants::Service;
use keyway_issuers::{Capabilities, Issuer};
use keyway_storage::{KeyRange, Layered, Memory, Page, Storage, StorageError, StorageLayer};

use crate::world::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_service_holds_up_no_other_and_health_tells() {
    let hangs = World::new(Capabilities::MINIMAL.reconciles(true));
    let other = World::plain();
    let clock = Arc::new(TestClock::default());
    let slow = Service::with_issuer(name("hangs"), Arc::clone(&hangs) as Arc<dyn Issuer>).allow_everybody();
    let built = host(&memory(), &ring(), service(&other)).service(slow).clock(Arc::clone(&clock) as _);
    let host = built.start().await.unwrap();
    // Much work is due at the service that will hang, and one item at the other service.
    hangs.change(|world| world.revocations_to_fail = 1000);
    for number in 0..40 {
        let who = format!("user-{number}");
        let issued = granted(host.grants().request(&name("hangs"), plain_request(&who)).await);
        host.grants().revoke(issued.grant, user(&who)).await.unwrap_err();
    }
    other.change(|world| world.revocations_to_fail = 1);
    let issued = granted(host.grants().request(&svc(), plain_request("joe")).await);
    host.grants().revoke(issued.grant, user("joe")).await.unwrap_err();
    let now = clock.advance(Duration::from_secs(120));
    let health = host.health().await.unwrap();
    let engine = health.engines.iter().find(|engine| engine.engine == "grants").unwrap();
    assert_eq!((engine.due, engine.overdue, engine.undecided, engine.unowned_lanes), (41, 41, 0, 0));
    assert!(engine.oldest.unwrap() >= Duration::from_secs(60));

    hangs.change(|world| world.hanging_revocations = true);
    let pass = tokio::spawn({
        let host = host.clone();
        async move { host.run_due(now).await }
    });
    until("the other service's work is done", || other.credentials() == 0).await;
    assert!(!pass.is_finished(), "the first service hangs");
    hangs.change(|world| (world.hanging_revocations, world.revocations_to_fail) = (false, 0));
    let reports = pass.await.unwrap().unwrap();
    assert_eq!(reports.len(), 41);
    assert!(reports.iter().all(|done| matches!(done.outcome, WorkOutcome::Gone)), "{reports:?}");
}

#[tokio::test]
async fn lanes_without_a_service_are_reported() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let clock = Arc::new(TestClock::default());
    let grants = host(&storage, &keys, service(&world)).clock(Arc::clone(&clock) as _).started().await;
    let issued = granted(grants.request(&svc(), plain_request("joe")).await);
    world.change(|world| world.revocations_to_fail = 1);
    grants.revoke(issued.grant, user("joe")).await.unwrap_err();
    let host = without_services(&storage, &keys).clock(Arc::clone(&clock) as _).start().await.unwrap();
    assert!(host.run_due(clock.advance(Duration::from_secs(60))).await.unwrap().is_empty());
    let health = host.health().await.unwrap();
    let engine = health.engines.iter().find(|engine| engine.engine == "grants").unwrap();
    assert_eq!((engine.due, engine.unowned_lanes), (1, 1));
}

/// Tests an issuer that works on one call at a time, while more callers than one want it all the time.
#[tokio::test(start_paused = true)]
async fn callers_do_not_keep_due_work_from_an_issuer_with_few_permits() {
    let world = World::new(Capabilities::MINIMAL.max_concurrency(NonZero::<usize>::MIN));
    let clock = Arc::new(TestClock::default());
    let built = host(&memory(), &ring(), service(&world)).clock(Arc::clone(&clock) as _);
    let host = built.start().await.unwrap();
    let issued = granted(host.grants().request(&svc(), plain_request("joe")).await);
    world.change(|world| world.revocations_to_fail = 1);
    host.grants().revoke(issued.grant, user("joe")).await.unwrap_err();
    world.set(Request::Slow);
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..3 {
        let (grants, who) = (host.grants().clone(), format!("user-{number}"));
        callers.spawn(async move {
            loop {
                granted(grants.request(&svc(), plain_request(&who)).await);
            }
        });
    }
    clock.advance(Duration::from_secs(120));
    let (end, run) = crate::run::running(&host);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(host.grants().list(&user("joe").user).await.unwrap().is_empty());
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
}

/// Tests calls that take long, while more work of their lane becomes due: the passes of a lane share one limit.
#[tokio::test(start_paused = true)]
async fn passes_beside_each_other_work_on_no_more_records_than_one() {
    let (world, clock) = (World::plain(), Arc::new(TestClock::default()));
    let built = host(&memory(), &ring(), service(&world)).clock(Arc::clone(&clock) as _);
    let host = built.start().await.unwrap();
    world.change(|world| world.revocations_to_fail = 16);
    for number in 0..16 {
        if number == 6 {
            clock.advance(Duration::from_secs(1000));
        }
        let who = format!("user-{number}");
        let issued = granted(host.grants().request(&svc(), plain_request(&who)).await);
        host.grants().revoke(issued.grant, user(&who)).await.unwrap_err();
    }
    world.change(|world| world.hanging_revocations = true);
    let (end, run) = crate::run::running(&host);
    tokio::time::sleep(Duration::from_secs(2)).await;
    clock.advance(Duration::from_secs(1000));
    tokio::time::sleep(Duration::from_secs(12)).await;
    end.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.change(|world| world.hanging_revocations = false);
    run.await.unwrap().unwrap();
    assert_eq!(world.credentials(), 8, "six calls were under way, and two more were begun beside them");
}

/// An engine whose scans take a moment.
#[derive(Debug, Default)]
struct SlowScans(Memory);

impl StorageLayer for SlowScans {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.0
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.0.scan(range, after, limit).await
    }
}

/// Tests many lanes, in one of which work becomes due all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_becomes_due_all_the_time_keeps_no_lane_from_its_next_try() {
    let (world, busy) = (World::plain(), World::plain());
    let storage: Arc<dyn Storage> = Arc::new(Layered(SlowScans::default()));
    let mut built = host(&storage, &ring(), service(&world)).grant_limits(crate::run::limits());
    for number in 0..20 {
        let issuer = Arc::clone(&busy) as Arc<dyn Issuer>;
        built =
            built.service(Service::with_issuer(name(&format!("busy-{number}")), issuer).allow_everybody());
    }
    let host = built.start().await.unwrap();
    let often = granted(host.grants().request(&name("busy-0"), plain_request("ann")).await).grant;
    let issued = granted(host.grants().request(&svc(), plain_request("joe")).await);
    busy.change(|world| world.revocations_to_fail = u32::MAX);
    world.change(|world| world.revocations_to_fail = 2);
    host.grants().revoke(issued.grant, user("joe")).await.unwrap_err();
    let fails = tokio::spawn({
        let grants = host.grants().clone();
        async move {
            loop {
                // Each failure plans another try, of which the loop hears.
                grants.revoke(often, user("ann")).await.unwrap_err();
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });
    let (end, run) = crate::run::running(&host);
    let retried = async {
        while world.credentials() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let retried = tokio::time::timeout(Duration::from_secs(5), retried).await;
    fails.abort();
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
    retried.expect("the second try of the loop works");
}
