//! Tests the name of a host. Only one run has the name at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_core::Registry;
use keyway_host::grants::{GrantsError, Phase};
use keyway_host::{Host, HostBuilder, HostError, RecordError};
use keyway_seal::KeyRing;
use keyway_storage::{Fault, FaultyStorage, Storage};

use crate::world::*;

const WAIT: Duration = Duration::from_millis(800);

fn named(storage: &Arc<dyn Storage>, keys: &KeyRing) -> HostBuilder {
    let registry = Registry::builder().build().unwrap();
    Host::builder(registry, Arc::clone(storage), keys.clone()).name("web-1").takeover_after(WAIT)
}

/// Builds a host whose issuer does not describe itself until the test lets it. Other threads would stop the test's
/// clock.
fn slow(storage: &Arc<dyn Storage>, keys: &KeyRing, world: &Arc<World>) -> HostBuilder {
    world.change(|world| "hangs".clone_into(&mut world.version));
    named(storage, keys).grant_limits(limits()).service(service(world))
}

#[tokio::test]
async fn a_second_run_is_refused_while_the_first_lives() {
    let (storage, keys) = (memory(), ring());
    let first = named(&storage, &keys).start().await.unwrap();
    let refused = named(&storage, &keys).start().await.unwrap_err();
    assert!(matches!(&refused, HostError::Running { name } if name == "web-1"), "{refused}");
    // A host with another name can start while the first host runs.
    named(&storage, &keys).name("web-2").start().await.unwrap();
    // The first run releases its name, so the next run need not wait.
    first.close().await.unwrap();
    let begun = Instant::now();
    named(&storage, &keys).start().await.unwrap();
    assert!(begun.elapsed() < WAIT / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_run_that_does_not_answer_is_waited_out() {
    let (storage, keys) = (memory(), ring());
    drop(named(&storage, &keys).start().await.unwrap());
    let begun = Instant::now();
    named(&storage, &keys).start().await.unwrap();
    assert!(begun.elapsed() >= WAIT, "{:?}", begun.elapsed());
}

/// Tests a program that drops the host, and works with a handle to one of its engines.
#[tokio::test(start_paused = true)]
async fn a_handle_to_an_engine_keeps_the_name() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let built = named(&storage, &keys).service(service(&world));
    let grants = built.start().await.unwrap().grants().clone();
    let refused = named(&storage, &keys).start().await.unwrap_err();
    assert!(matches!(refused, HostError::Running { .. }), "{refused}");
    grants.request(&svc(), plain_request("joe")).await.unwrap();
    drop(grants);
    named(&storage, &keys).start().await.unwrap();
}

/// Tests a run that stalls until another run has taken its name. When the stalled run wakes up, it must do no more
/// work.
#[tokio::test]
async fn a_run_that_lost_its_name_stops() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let first = named(&storage, &keys).service(service(&world)).start().await.unwrap();
    let second = named(&storage, &keys).takeover_after(Duration::ZERO).start().await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), first.run(std::future::pending())).await;
    assert!(matches!(ended, Ok(Err(HostError::Superseded { .. }))), "{ended:?}");
    let refused = first.grants().request(&svc(), plain_request("joe")).await.unwrap_err();
    assert!(matches!(refused, GrantsError::Record(RecordError::Superseded)), "{refused}");
    assert!(refused.to_string().contains("has taken over: end this one"), "{refused}");
    assert!(first.health().await.unwrap().superseded && !second.health().await.unwrap().superseded);
    // A run that lost its name must not release the name.
    first.close().await.unwrap();
    assert!(!second.health().await.unwrap().superseded);
}

/// Tests the refusals after the end of a run. They say that this run has ended, and do not mention another run.
#[tokio::test]
async fn a_run_that_was_ended_refuses_work_and_says_so() {
    for closes in [true, false] {
        let world = World::plain();
        let wait = Duration::from_millis(20);
        let built = named(&memory(), &ring()).takeover_after(wait).service(service(&world));
        let host = built.start().await.unwrap();
        if closes {
            host.close().await.unwrap();
        } else {
            host.run(std::future::ready(())).await.unwrap();
        }
        // The test repeats the calls after a pause, in which this run notices that it no longer has the name.
        for pause in [Duration::ZERO, 4 * wait] {
            tokio::time::sleep(pause).await;
            let refused = host.grants().request(&svc(), plain_request("joe")).await.unwrap_err();
            assert!(matches!(refused, GrantsError::Record(RecordError::Ended)), "{refused}");
            assert!(refused.to_string().contains("has ended: start the host again"), "{refused}");
            let again = host.run(std::future::pending()).await.unwrap_err();
            assert!(matches!(&again, HostError::Ended { name } if name == "web-1"), "{again}");
            let health = host.health().await.unwrap();
            assert!(health.ended && !health.superseded);
        }
        assert_eq!(world.credentials(), 0);
    }
}

/// Tests a contender that asks a run while that run ends.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_asked_while_it_ends_releases_the_name() {
    let (storage, keys) = (memory(), ring());
    let engine = FaultyStorage::over(&storage).into_engine();
    let first = named(&(Arc::clone(&engine) as Arc<dyn Storage>), &keys).start().await.unwrap();
    let (send, second) = tokio::sync::oneshot::channel();
    engine.0.before_commit(0, async move {
        let second = tokio::spawn(named(&storage, &keys).start());
        // The contender asks at once, and waits for an answer.
        tokio::time::sleep(Duration::from_millis(1)).await;
        send.send(second).unwrap();
    });
    let begun = tokio::time::Instant::now();
    first.close().await.unwrap();
    second.await.unwrap().await.unwrap().unwrap();
    assert!(begun.elapsed() < WAIT / 2, "{:?}", begun.elapsed());
    drop(first);
}

/// Tests a run that cannot release its name. It answers no contender any more.
#[tokio::test(start_paused = true)]
async fn a_run_that_has_ended_answers_no_contender() {
    let (storage, keys) = (memory(), ring());
    let engine = FaultyStorage::over(&storage).into_engine();
    let first = named(&(Arc::clone(&engine) as Arc<dyn Storage>), &keys).start().await.unwrap();
    engine.0.fail_after(0, Fault::Unavailable);
    first.close().await.unwrap_err();
    let (second, recovered) = tokio::join!(named(&storage, &keys).start(), async {
        tokio::time::sleep(WAIT / 2).await;
        first.recover().await
    });
    second.unwrap();
    assert!(matches!(recovered, Err(HostError::Ended { .. })), "{recovered:?}");
}

/// Tests a start that waits for an issuer for longer than a contender waits.
#[tokio::test(start_paused = true)]
async fn a_second_run_is_refused_while_the_first_starts() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let first = tokio::spawn(slow(&storage, &keys, &world).start());
    tokio::time::sleep(Duration::from_millis(10)).await;
    let refused = named(&storage, &keys).start().await.unwrap_err();
    assert!(matches!(refused, HostError::Running { .. }), "{refused}");
    world.change(|world| "1".clone_into(&mut world.version));
    first.await.unwrap().unwrap().recover().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_loses_its_name_while_it_starts_does_not_start() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let first = tokio::spawn(slow(&storage, &keys, &world).start());
    tokio::time::sleep(Duration::from_millis(10)).await;
    let second = named(&storage, &keys).takeover_after(Duration::ZERO).start().await.unwrap();
    world.change(|world| "1".clone_into(&mut world.version));
    let ended = first.await.unwrap();
    assert!(matches!(ended, Err(HostError::Superseded { .. })), "{ended:?}");
    second.recover().await.unwrap();
}

/// Tests a run that recovers before it has noticed that another run has its name. The claims of the host are those of
/// the other run then.
#[tokio::test(start_paused = true)]
async fn a_run_that_lost_its_name_frees_no_claims() {
    for runs in [false, true] {
        let (storage, keys) = (memory(), ring());
        let world = World::new(keyway_issuers::Capabilities::MINIMAL.reconciles(true));
        world.set(Request::HangsAfter);
        let start = || host(&storage, &keys, service(&world)).start();
        let (first, second) = (start().await.unwrap(), start().await.unwrap());
        let door = svc();
        let asking = second.grants().request(&door, plain_request("joe"));
        let recovering = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if runs { first.run(std::future::pending()).await } else { first.recover().await.map(|_| ()) }
        };
        let ended = tokio::select! {
            ended = recovering => ended,
            answer = asking => panic!("{answer:?}"),
        };
        assert!(matches!(ended, Err(HostError::Superseded { .. })), "{ended:?}");
        let grants = second.grants().list(&user("joe").user).await.unwrap();
        assert_eq!(grants[0].state.phase, Phase::Intended);
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_releases_the_name() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let twice = named(&storage, &keys).service(service(&world)).service(service(&world));
    assert!(matches!(twice.start().await, Err(HostError::DuplicateService { .. })));
    let begun = tokio::time::Instant::now();
    named(&storage, &keys).start().await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// Tests contenders for the name of a dead run. Their random numbers decide which of them gets the name.
#[tokio::test(start_paused = true)]
async fn one_of_two_contenders_for_a_dead_runs_name_gets_it() {
    for _ in 0..10 {
        let (storage, keys) = (memory(), ring());
        drop(named(&storage, &keys).start().await.unwrap());
        let start = || named(&storage, &keys).start();
        let both = tokio::time::timeout(10 * WAIT, async { tokio::join!(start(), start()) });
        let ended = both.await.expect("the contenders do not wait for each other");
        match ended {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => {
                assert!(matches!(refused, HostError::Running { .. }), "{refused}");
            }
            both => panic!("{both:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_contender_that_died_keeps_no_other_from_the_name() {
    for _ in 0..10 {
        let (storage, keys) = (memory(), ring());
        drop(named(&storage, &keys).start().await.unwrap());
        assert!(tokio::time::timeout(WAIT / 2, named(&storage, &keys).start()).await.is_err());
        named(&storage, &keys).start().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_with_a_long_wait_of_its_own_answers_in_time() {
    let (storage, keys) = (memory(), ring());
    let _first = named(&storage, &keys).takeover_after(Duration::from_secs(3600)).start().await.unwrap();
    let refused = named(&storage, &keys).start().await.unwrap_err();
    assert!(matches!(refused, HostError::Running { .. }), "{refused}");
}
