//! Tests leases: their renewal, their return before they end, and many leases at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_conformance::credentials::{Fault, Step, StoreCall};
use keyway_core::Clock;
use keyway_credentials::Holder;
use keyway_host::sessions::{LeaseQuery, Session};
use keyway_storage::{FaultyStorage, Sqlite, Storage};

use crate::odd::*;
use crate::world::*;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_lease_is_renewed_at_a_third_up_to_its_greatest_age() {
    for renews_ids in [false, true] {
        let clock = Arc::default();
        let store = store(&clock).lease_time(30 * MINUTE).renews_ids(renews_ids);
        let host = builder(&memory(), &ring(), &clock).vault(vault(&store));
        let world = World::start(host.session_limits(limits().with_longest_lease(60 * MINUTE)), &clock).await;
        let session = world.session("s");
        found(&session).await;
        assert!(world.pass(9 * MINUTE).await.is_empty());
        for minute in 9..120 {
            world.pass(MINUTE).await;
            assert!(store.held().len() <= 1, "minute {minute}");
        }
        assert!((3..9).contains(&store.count(StoreCall::Renew)), "{}", store.count(StoreCall::Renew));
        assert_eq!((returned(&store).as_slice(), store.held().len()), (&["Expired".to_owned()][..], 0));
        session.end().await.unwrap();
        assert_eq!(store.count(StoreCall::CheckIn), 1);
    }
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_is_returned_at_nine_tenths() {
    let clock = Arc::default();
    let store = store(&clock).lease_time(10 * MINUTE).with_capabilities(plain().renews(false));
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    assert!(world.pass(Duration::from_millis(9 * 60_000 - 1)).await.is_empty());
    world.pass(Duration::from_millis(1)).await;
    assert_eq!(returned(&store), ["Expired"]);
    session.end().await.unwrap();
}

#[tokio::test]
async fn a_failed_renewal_is_tried_again_with_the_same_intent() {
    let clock = Arc::default();
    let store = store(&clock).lease_time(30 * MINUTE);
    store.script(StoreCall::Renew, [Step::fault(Fault::LostAnswer)]);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    world.pass(10 * MINUTE).await;
    world.pass(MINUTE).await;
    let renewals: Vec<_> = store.calls().into_iter().filter(|call| call.call == StoreCall::Renew).collect();
    assert_eq!((renewals.len(), &renewals[0].intent), (2, &renewals[1].intent));
    session.end().await.unwrap();
    assert_eq!(store.held().len(), 0);
}

#[tokio::test]
async fn a_lease_of_an_unclear_renewal_is_returned() {
    for lost_host in [false, true] {
        let (clock, storage, keys) = (Arc::default(), memory(), ring());
        let store = store(&clock).lease_time(30 * MINUTE).renews_ids(true);
        store.script(StoreCall::Renew, [Step::fault(Fault::LostAnswer)]);
        let start =
            async || World::start(builder(&storage, &keys, &clock).vault(vault(&store)), &clock).await;
        let world = start().await;
        let session = world.session("s");
        found(&session).await;
        world.pass(10 * MINUTE).await;
        assert_eq!(store.held(), ["lease-2"], "the vault has renewed it under a new id");
        if lost_host {
            std::mem::forget(session);
            let world = start().await;
            world.host.recover().await.unwrap();
            world.pass(MINUTE).await;
        } else {
            session.end().await.unwrap();
        }
        assert_eq!((store.held(), returned(&store).len()), (Vec::new(), 1));
        assert_eq!((store.count(StoreCall::Renew), store.doubled()), (2, Vec::new()));
    }
}

#[tokio::test]
async fn an_unclear_renewal_holds_up_a_check_in_for_a_bounded_time() {
    let clock = Arc::default();
    let store = store(&clock).lease_time(300 * MINUTE);
    store.script(StoreCall::Renew, (0..99).map(|_| Step::fault(Fault::LostRequest)));
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    world.pass(100 * MINUTE).await;
    session.end().await.unwrap();
    assert_eq!(store.held().len(), 1);
    for _ in 0..4 {
        world.pass(MINUTE).await;
    }
    assert_eq!((store.held().len(), returned(&store).as_slice()), (0, &["Unused".to_owned()][..]));
}

#[tokio::test]
async fn a_repeated_call_does_not_bring_back_the_lease_of_before_a_renewal() {
    let clock = Arc::default();
    let store = store(&clock).lease_time(30 * MINUTE).renews_ids(true);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    let fetch = async || {
        let request = keyway_host::sessions::FetchRequest::new().with_call("once");
        let answer = session.fetch::<keyway_credentials::Passwords>(&hall(), request).await.unwrap();
        answer.found().unwrap()
    };
    let first = fetch().await;
    world.pass(10 * MINUTE).await;
    assert_eq!(store.held(), ["lease-2"]);
    assert_eq!(fetch().await.check_out, first.check_out);
    session.end().await.unwrap();
    assert_eq!(store.held(), [""; 0]);
}

/// Tests 10,000 open leases, of which 104 end in the same second. These are returned within two seconds, and the store
/// is not called for the others.
#[tokio::test]
async fn leases_that_end_are_returned_without_a_look_at_the_others() {
    const ALL: usize = 10_000;
    let directory = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(Sqlite::open_or_create(directory.path().join("s.db")).unwrap());
    let clock = Arc::default();
    let long = store(&clock).with_capabilities(plain().renews(false)).lease_time(600 * MINUTE);
    let short = long.clone().lease_time(10 * MINUTE);
    let name = keyway_credentials::CredentialStoreName::new("short").unwrap();
    let host = builder(&storage, &ring(), &clock).vault(vault(&long));
    let host = host.vault(keyway_host::sessions::Vault::with_store(name.clone(), Arc::new(short)));
    let world = World::start(host, &clock).await;
    let mut sessions: Vec<Session> = Vec::new();
    for part in 0..8 {
        let mut tasks = Vec::new();
        for number in 0..ALL / 8 {
            let (session, name) = (world.session(&format!("{part}-{number}")), name.clone());
            tasks.push(tokio::spawn(async move {
                let store = if number % 100 == 0 { name } else { hall() };
                let request = keyway_host::sessions::FetchRequest::new();
                session
                    .fetch::<keyway_credentials::Passwords>(&store, request)
                    .await
                    .unwrap()
                    .found()
                    .unwrap();
                session
            }));
        }
        for task in tasks {
            sessions.push(task.await.unwrap());
        }
    }
    let ending = sessions
        .iter()
        .filter(|session| session.id().as_str().ends_with("00") || session.id().as_str().ends_with("-0"))
        .count();
    assert_eq!(long.held().len(), ALL);
    let (calls, begun) = (long.calls().len(), Instant::now());
    let reports = world.host.run_due(clock.advance(9 * MINUTE)).await.unwrap();
    let mut done = reports.len();
    while done < ending {
        done += world.host.run_due(clock.advance(Duration::ZERO)).await.unwrap().len();
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!((done, long.calls().len() - calls), (ending, ending));
    assert_eq!(long.held().len(), ALL - ending);
    let joe = LeaseQuery::Holder(keyway_credentials::Holder::new("joe").unwrap());
    let page = world.leases(&joe, None, 100).await.unwrap();
    assert_eq!((page.leases.len(), page.next.is_some()), (100, true));
    for session in sessions {
        std::mem::forget(session);
    }
}

/// Tests lists and due work over a storage engine whose pages are shorter than the pages that the host asks for.
#[tokio::test]
async fn short_pages_of_the_storage_hide_no_lease() {
    const ALL: usize = 8;
    let clock: Arc<TestClock> = Arc::default();
    let storage: Arc<dyn Storage> = FaultyStorage::over(&memory()).page_records(3).into_engine();
    let store = store(&clock).with_capabilities(plain().renews(false)).lease_time(10 * MINUTE);
    let builder = builder(&storage, &ring(), &clock).vault(vault(&store));
    let world = World::start(builder, &clock).await;
    let mut sessions = Vec::new();
    for number in 0..ALL {
        let session = world.session(&format!("s-{number}"));
        found(&session).await;
        sessions.push(session);
    }
    let joe = LeaseQuery::Holder(keyway_credentials::Holder::new("joe").unwrap());
    let (mut listed, mut after) = (0, None);
    loop {
        let page = world.leases(&joe, after, 100).await.unwrap();
        listed += page.leases.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, ALL);
    world.pass(9 * MINUTE).await;
    assert_eq!(store.held().len(), 0, "each lease is returned before it ends");
    for session in sessions {
        std::mem::forget(session);
    }
}

/// Tests that a lease is returned at 90 % of its time, even if renewals do not lengthen it (decision S10).
#[tokio::test]
async fn a_renewal_that_does_not_lengthen_the_lease_does_not_delay_its_return() {
    let clock: Arc<TestClock> = Arc::default();
    let begun = clock.now();
    let end = begun.plus(Duration::from_secs(1000));
    let mut odd = Odd::new();
    odd.capabilities = odd.capabilities.renews(true);
    odd.fetch = Box::new(move |_| Ok(gives(lease("l").expires_at(end).renewable(true))));
    let odd = Arc::new(odd);
    let world = start(vault_of(Arc::clone(&odd) as _), &clock).await;
    let session = world.session("s");
    found(&session).await;
    for _ in 0..1000 {
        world.pass(Duration::from_secs(1)).await;
        if !odd.lines("check_in").is_empty() {
            break;
        }
    }
    let at = clock.now().as_milliseconds() - begun.as_milliseconds();
    assert!(at <= 901_000, "returned after {at} ms");
    session.end().await.unwrap();
}

/// Tests that the host does not check in a lease for ever at a store that was configured to give no leases any more.
#[tokio::test]
async fn a_lease_of_a_store_that_gives_none_any_more_is_not_held_for_ever() {
    let (clock, storage, keys) = (Arc::default(), memory(), ring());
    let store = store(&clock);
    let start =
        async |store| World::start(builder(&storage, &keys, &clock).vault(vault(store)), &clock).await;
    let world = start(&store).await;
    let session = world.session("s");
    found(&session).await;
    std::mem::forget(session);
    let plain = plain().leases(false).renews(false).rotates(false).reconciles(false);
    let store = store.clone().with_capabilities(plain);
    let world = start(&store).await;
    world.host.recover().await.unwrap();
    for _ in 0..3 {
        world.pass(60 * MINUTE).await;
    }
    let joe = LeaseQuery::Holder(Holder::new("joe").unwrap());
    assert_eq!(world.leases(&joe, None, 9).await.unwrap().leases, []);
    assert_eq!(store.count(StoreCall::CheckIn), 1);
}
