//! Tests limits: of records, of locks, of check-outs, and of waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keyway_core::Clock;
use keyway_credentials::{
    Account, Asset, AssetGenerator, AssetRules, Busy, Candidates, CredentialError, FetchOutcome, Holder,
    Json, Passwords,
};
use keyway_host::sessions::{
    FetchRequest, Fetched, LeaseQuery, Lock, LockTarget, NewSession, SessionsError, TransitionError,
};

use crate::odd::*;
use crate::world::*;

fn own_assets() -> AssetRules {
    let mut rules = AssetRules::default();
    rules.generators = vec![AssetGenerator::from_name("own")];
    rules
}

/// Tests that the host accepts only facts that it can read from its record again.
#[tokio::test]
async fn facts_that_nest_too_deep_are_refused() {
    let clock = Arc::default();
    let world = start(vault(&store(&clock)), &clock).await;
    let nested = |levels: usize| (0..levels).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
    let begin = |levels| {
        let mut connection = connection(&format!("s{levels}"));
        connection.key_value_pairs.insert("deep".to_owned(), nested(levels));
        world.begin(NewSession::new(connection))
    };
    let refused = begin(64).unwrap_err();
    assert!(matches!(refused, SessionsError::TooDeep { .. }), "{refused}");
    let session = begin(63).unwrap();
    found(&session).await;
    // The list of leases reads the record.
    let joe = LeaseQuery::Holder(Holder::new("joe").unwrap());
    assert_eq!(world.leases(&joe, None, 9).await.unwrap().leases.len(), 1);
    session.end().await.unwrap();
}

/// Tests that a check-in that succeeded is stored, whatever the plugin has written into its cookies.
#[tokio::test]
async fn a_check_in_is_not_repeated_for_ever_because_a_cookie_grew() {
    let clock = Arc::default();
    let mut odd = Odd::new();
    odd.check_in = Box::new(|check_in| {
        check_in.session.cookie.set("big", "x".repeat(60_000)).unwrap();
        check_in.session.session_cookie.set("big", "x".repeat(60_000)).unwrap();
        Ok(())
    });
    let odd = Arc::new(odd);
    let world = start(vault_of(Arc::clone(&odd) as _), &clock).await;
    let mut connection = connection("s");
    connection.key_value_pairs.insert("big".to_owned(), "x".repeat(330_000).into());
    let refused = world.begin(NewSession::new(connection.clone())).unwrap_err();
    assert!(matches!(refused, SessionsError::TooLarge { .. }), "{refused}");
    connection.key_value_pairs.insert("big".to_owned(), "x".repeat(60_000).into());
    let session = world.begin(NewSession::new(connection)).unwrap();
    found(&session).await;
    session.end().await.unwrap();
    for _ in 0..5 {
        world.pass(Duration::from_secs(3600)).await;
        world.host.recover().await.unwrap();
    }
    assert_eq!(odd.lines("check_in").len(), 1);
    assert_eq!(odd.lines("ended").len(), 1);
}

#[tokio::test]
async fn locks_that_ended_do_not_pile_up() {
    let clock: Arc<TestClock> = Arc::default();
    let world = start(vault_of(Arc::new(Odd::new())), &clock).await;
    for number in 0..50 {
        let target = LockTarget::Account(Account::new(number.to_string()).unwrap());
        let lock = Lock::new(target, Holder::new("ada").unwrap(), "").until(clock.now());
        world.lock(lock).await.unwrap();
    }
    world.pass(Duration::from_secs(1_000_000)).await;
    assert!(world.locks().await.unwrap().len() < 50);
}

/// Tests that settling a fetch that failed at its first candidate does not check out all candidates.
#[tokio::test]
async fn settling_a_fetch_checks_out_no_more_than_a_session_may_hold() {
    let clock = Arc::default();
    let mut odd = Odd::new();
    odd.capabilities = odd.capabilities.own_assets(true).idempotent(true);
    odd.assets = Box::new(|_| {
        Ok(Candidates::new((0..9_000_u32).map(|n| Asset::new(format!("asset-{n:0>40}")).unwrap())))
    });
    let asked = AtomicUsize::new(0);
    odd.fetch = Box::new(move |fetch| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Err(CredentialError::failed("sorry", "the answer is lost")),
        _ => Ok(gives(lease(fetch.intent.as_ref().unwrap().as_str()))),
    });
    let odd = Arc::new(odd);
    let world = start(vault_of(Arc::clone(&odd) as _).assets(own_assets()), &clock).await;
    let session = world.session("s");
    passwords(&session).await.unwrap_err();
    for _ in 0..3 {
        world.pass(Duration::from_secs(3600)).await;
        world.host.recover().await.unwrap();
    }
    let out = odd.lines("passwords").len();
    assert!(out < 100, "{out} calls");
}

/// Tests that a person need not decide anything if the store's list of accounts fails before the store is asked for
/// credentials.
#[tokio::test]
async fn a_list_that_fails_first_leaves_nothing_undecided() {
    let clock = Arc::default();
    let mut odd = Odd::new();
    odd.capabilities = odd.capabilities.own_accounts(true);
    odd.accounts = Box::new(|_| Err(CredentialError::failed("sorry", "no list")));
    let world = start(vault_of(Arc::new(odd)), &clock).await;
    let session = world.session("s");
    passwords(&session).await.unwrap_err();
    assert_eq!(world.undecided(None, 9).await.unwrap().fetches.len(), 0);
}

/// Tests that a session ends at once while a fetch of this session waits in a queue.
#[tokio::test]
async fn the_end_ends_a_waiting_fetch() {
    let clock = Arc::default();
    let mut odd = Odd::new();
    odd.fetch = Box::new(|_| Ok(FetchOutcome::Busy(Busy::new())));
    let world = start(vault_of(Arc::new(odd)), &clock).await;
    let session = world.session("s");
    let waits = tokio::spawn({
        let session = session.clone();
        async move {
            let request = FetchRequest::new().with_busy_wait(Duration::from_secs(4));
            session.fetch::<Passwords>(&hall(), request).await
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = std::time::Instant::now();
    session.end().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(!matches!(waits.await.unwrap(), Ok(Fetched::Found(_))));
}

/// Tests that the other handles of a session get nothing once one handle has ended it.
#[tokio::test]
async fn a_handle_beside_the_one_that_ended_the_session_gets_nothing() {
    let clock = Arc::default();
    let odd = Arc::new(Odd::new());
    let world = start(vault_of(Arc::clone(&odd) as _), &clock).await;
    let new = || NewSession::new(connection("s")).detached(true);
    let living = world.begin(new()).unwrap();
    found(&living).await;
    let resumed = world.resume(new()).await.unwrap().unwrap();
    resumed.end().await.unwrap();
    let fetched = passwords(&living).await;
    drop(living);
    world.pass(Duration::from_secs(1_000_000)).await;
    assert!(fetched.is_err());
}

/// Tests that a session cannot pile up leases at a vault that gives credentials and does not take them back.
#[tokio::test]
async fn leases_that_are_not_taken_back_count() {
    let clock: Arc<TestClock> = Arc::default();
    let fails = Arc::new(AtomicBool::new(true));
    let mut odd = Odd::new();
    odd.check_in = Box::new({
        let fails = Arc::clone(&fails);
        move |_| {
            let error = || CredentialError::failed("sorry", "it is not taken back");
            if fails.load(Ordering::SeqCst) { Err(error()) } else { Ok(()) }
        }
    });
    let world = start(vault_of(Arc::new(odd)), &clock).await;
    let session = world.session("s");
    let joe = LeaseQuery::Holder(Holder::new("joe").unwrap());
    for _ in 0..16 {
        found(&session).await;
    }
    for _ in 0..4 {
        let refused = passwords(&session).await.unwrap_err();
        assert!(matches!(refused, SessionsError::Refused(TransitionError::TooMany)), "{refused}");
        assert_eq!(world.leases(&joe, None, 99).await.unwrap().leases.len(), 16);
    }
    // Once the vault takes leases back, the next fetch waits for no worker.
    fails.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_secs(3600));
    found(&session).await;
    assert_eq!(world.leases(&joe, None, 99).await.unwrap().leases.len(), 1);
    session.end().await.unwrap();
}
