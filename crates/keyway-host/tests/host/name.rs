//! Tests the name of a host. Only one run has the name at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_core::Registry;
use keyway_host::grants::GrantsError;
use keyway_host::{Host, HostBuilder, HostError, RecordError};
use keyway_seal::KeyRing;
use keyway_storage::Storage;

use crate::world::*;

const WAIT: Duration = Duration::from_millis(800);

fn named(storage: &Arc<dyn Storage>, keys: &KeyRing) -> HostBuilder {
    let registry = Registry::builder().build().unwrap();
    Host::builder(registry, Arc::clone(storage), keys.clone()).name("web-1").takeover_after(WAIT)
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
