//! Tests the loop of the host, which a program starts once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyway_core::Registry;
use keyway_host::grants::{Isolation, Limits, Phase, Retries};
use keyway_host::{Host, WorkReport};
use keyway_issuers::Capabilities;
use tokio::sync::oneshot;

use crate::world::*;

pub(crate) fn limits() -> Limits {
    let retries = Retries::default().with_first(Duration::from_millis(300));
    Limits::default().with_isolation(Isolation::Inline).with_retries(retries)
}

/// Starts a host with its loop. The returned values end the loop.
pub(crate) fn running(
    host: &Host,
) -> (oneshot::Sender<()>, tokio::task::JoinHandle<Result<(), keyway_host::HostError>>) {
    let (end, ended) = oneshot::channel::<()>();
    let host = host.clone();
    let run = tokio::spawn(async move {
        host.run(async {
            let _ = ended.await;
        })
        .await
    });
    (end, run)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_revocation_is_tried_again_by_itself_and_soon() {
    let world = World::plain();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let observed = Arc::clone(&seen);
    let host = host(&memory(), &ring(), service(&world))
        .grant_limits(limits())
        .observer(move |done: &WorkReport| observed.lock().unwrap().push(done.lane.clone()))
        .start()
        .await
        .unwrap();
    let (end, run) = running(&host);
    // The loop now sleeps for seconds, since nothing is due.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let issued = granted(host.grants().request(&svc(), plain_request("joe")).await);
    world.change(|world| world.revocations_to_fail = 2);
    host.grants().revoke(issued.grant, user("joe")).await.unwrap_err();
    let begun = Instant::now();
    until("it is revoked", || world.credentials() == 0).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
    assert_eq!(*seen.lock().unwrap(), ["needle-svc", "needle-svc"]);
    // The host released its name, so the next run need not wait.
    assert!(!host.health().await.unwrap().superseded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loop_recovers_first() {
    let (storage, keys) = (memory(), ring());
    let world = World::new(Capabilities::MINIMAL.reconciles(true));
    world.set(Request::HangsAfter);
    let first = host(&storage, &keys, service(&world)).start().await.unwrap();
    let door = svc();
    let asked = first.grants().request(&door, plain_request("joe"));
    assert!(tokio::time::timeout(Duration::from_millis(50), asked).await.is_err());
    drop(first);

    let host = host(&storage, &keys, service(&world)).start().await.unwrap();
    let (end, run) = running(&host);
    let grants = host.grants().clone();
    for _ in 0..200 {
        let listed = grants.list(&user("joe").user).await.unwrap();
        if listed[0].state.phase == Phase::Granted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let listed = grants.list(&user("joe").user).await.unwrap();
    assert!(listed[0].state.phase == Phase::Granted && listed[0].state.undelivered);
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_the_observer_does_not_end_the_loop_and_the_end_is_bounded() {
    let world = World::plain();
    let panics = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&panics);
    let registry = Registry::builder().build().unwrap();
    let host = Host::builder(registry, memory(), ring())
        .takeover_after(Duration::ZERO)
        .service(service(&world))
        .grant_limits(limits())
        .drain_within(Duration::from_millis(300))
        .observer(move |_: &WorkReport| {
            counted.fetch_add(1, Ordering::SeqCst);
            panic!("in the observer")
        })
        .start()
        .await
        .unwrap();
    let (end, run) = running(&host);
    let issued = granted(host.grants().request(&svc(), plain_request("joe")).await);
    world.change(|world| world.revocations_to_fail = 3);
    host.grants().revoke(issued.grant, user("joe")).await.unwrap_err();
    until("it panicked twice", || panics.load(Ordering::SeqCst) >= 2).await;
    let begun = Instant::now();
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

/// Tests that the end waits for the calls of due work that are under way, and begins no others.
#[tokio::test(start_paused = true)]
async fn a_loop_that_ends_begins_no_other_due_work() {
    let (world, clock) = (World::plain(), Arc::new(TestClock::default()));
    let built = host(&memory(), &ring(), service(&world)).clock(Arc::clone(&clock) as _);
    let host = built.start().await.unwrap();
    world.change(|world| world.revocations_to_fail = 40);
    for number in 0..40 {
        let who = format!("user-{number}");
        let issued = granted(host.grants().request(&svc(), plain_request(&who)).await);
        host.grants().revoke(issued.grant, user(&who)).await.unwrap_err();
    }
    world.change(|world| world.hanging_revocations = true);
    clock.advance(Duration::from_secs(120));
    let (end, run) = running(&host);
    tokio::time::sleep(Duration::from_millis(100)).await;
    end.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!run.is_finished() && world.credentials() == 40);
    world.change(|world| world.hanging_revocations = false);
    run.await.unwrap().unwrap();
    assert_eq!(world.credentials(), 32, "eight calls were under way");
}
