//! Tests the work of operators: lists of leases, forced check-ins, locks, and decisions.

use std::sync::Arc;
use std::time::Duration;

use keyway_conformance::credentials::{Fault as Failure, Step, StoreCall};
use keyway_core::Clock;
use keyway_credentials::{Account, Asset, Candidate, Holder, Lease, LeaseId, Verification, Verified};
use keyway_host::sessions::{
    Decision, Fetched, LeaseQuery, Lock, LockTarget, SessionsError, TransitionError,
};
use keyway_storage::{Fault, FaultyStorage, Storage};

use crate::world::*;

fn ada() -> Holder {
    Holder::new("ada").unwrap()
}

fn root() -> LeaseQuery {
    LeaseQuery::Account(Account::new("root").unwrap())
}

#[tokio::test]
async fn leases_are_listed_by_account_asset_and_holder() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    let out = found(&session).await;
    let asset = LeaseQuery::Asset(Asset::new("web1").unwrap());
    let holder = LeaseQuery::Holder(Holder::new("joe").unwrap());
    for query in [&root(), &asset, &holder] {
        let page = world.leases(query, None, 9).await.unwrap();
        let [lease] = page.leases.as_slice() else { panic!("{query:?}: {page:?}") };
        assert_eq!((&lease.session, lease.check_out), (session.id(), out.check_out));
        assert_eq!(Some(&lease.lease), out.lease.as_ref());
    }
    for other in [LeaseQuery::Account(Account::new("web1").unwrap()), LeaseQuery::Holder(ada())] {
        assert!(world.leases(&other, None, 9).await.unwrap().leases.is_empty());
    }
    session.authentication_completed().await.unwrap();
    for query in [root(), asset, holder] {
        assert!(world.leases(&query, None, 9).await.unwrap().leases.is_empty(), "it is checked in");
    }
    session.end().await.unwrap();
}

#[tokio::test]
async fn a_forced_check_in_says_who_forced_it() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    let lease = world.leases(&root(), None, 9).await.unwrap().leases.remove(0);
    world.check_in(&lease, ada()).await.unwrap();
    assert_eq!(returned(&store), [r#"Forced { by: Holder("ada") }"#]);
    let again = world.check_in(&lease, ada()).await.unwrap_err();
    assert!(matches!(again, SessionsError::Refused(TransitionError::NoCheckOut)), "{again}");
    // The session continues, and does not return the lease a second time.
    found(&session).await;
    session.end().await.unwrap();
    assert_eq!((returned(&store).len(), store.held().len()), (2, 0));
    assert!(
        world
            .audit
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.contains(r#"force session="s""#) && line.contains(r#"operator="ada""#))
    );
}

#[tokio::test]
async fn a_lease_of_a_vault_that_is_gone_can_be_forgotten() {
    let clock = Arc::default();
    let store = store(&clock);
    store.script(StoreCall::CheckIn, [0; 99].map(|_| Step::fault(Failure::Unavailable)));
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    session.end().await.unwrap();
    let lease = world.leases(&root(), None, 9).await.unwrap().leases.remove(0);
    assert_eq!(lease.returning.as_ref().unwrap().failures, 1);
    world.forget(&lease, ada()).await.unwrap();
    assert!(world.leases(&root(), None, 9).await.unwrap().leases.is_empty());
    let gone = world.forget(&lease, ada()).await.unwrap_err();
    assert!(matches!(gone, SessionsError::Refused(TransitionError::NoSession)), "{gone}");
}

#[tokio::test]
async fn a_lock_stops_new_check_outs_only() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    let targets = [
        LockTarget::Everything,
        LockTarget::Store(hall()),
        LockTarget::Holder(Holder::new("joe").unwrap()),
        LockTarget::Account(Account::new("root").unwrap()),
    ];
    for target in targets {
        let end = clock.advance(Duration::ZERO).plus(Duration::from_secs(60));
        world.lock(Lock::new(target.clone(), ada(), "incident").until(end)).await.unwrap();
        let calls = store.calls().len();
        match passwords(&world.session("other")).await {
            Ok(Fetched::Nothing(attempts)) => assert_eq!(attempts.len(), 2),
            Err(SessionsError::Locked { by, .. }) => assert_eq!(by, ada()),
            other => panic!("{target:?}: {other:?}"),
        }
        assert_eq!(store.calls().len(), calls, "{target:?}");
        assert_eq!(world.locks().await.unwrap().len(), 1);
        world.unlock(target.clone()).await.unwrap();
        world.unlock(target).await.unwrap();
    }
    assert_eq!(store.held().len(), 1);
    // A lock with an end stops by itself.
    let end = clock.advance(Duration::from_secs(60));
    world.lock(Lock::new(LockTarget::Everything, ada(), "").until(end)).await.unwrap();
    found(&session).await;
    session.end().await.unwrap();
}

#[tokio::test]
async fn a_person_decides_what_the_store_cannot_tell() {
    for made in [false, true] {
        let clock = Arc::default();
        let store = store(&clock).with_capabilities(forgetful());
        let fault = if made { Failure::LostAnswer } else { Failure::LostRequest };
        store.script(StoreCall::Passwords, [Step::fault(fault)]);
        let world = start(vault(&store), &clock).await;
        let session = world.session("s");
        passwords(&session).await.unwrap_err();
        // The session ends, but the fetch stays listed.
        session.end().await.unwrap();
        world.pass(Duration::from_secs(3600)).await;
        let fetch = world.undecided(None, 9).await.unwrap().fetches.remove(0);
        assert_eq!(fetch.candidates.len(), 2);
        let decision = match store.held().as_slice() {
            [] => Decision::NothingThere,
            [lease, ..] => {
                Decision::Made(fetch.candidates[0].clone(), Lease::new(LeaseId::new(lease.as_str()).unwrap()))
            }
        };
        world.decide(&fetch, decision, ada()).await.unwrap();
        assert_eq!(store.held(), [""; 0]);
        assert!(world.undecided(None, 9).await.unwrap().fetches.is_empty());
        assert_eq!(returned(&store).len(), usize::from(made));
    }
}

#[tokio::test]
async fn an_operator_has_credentials_verified() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let candidate = Candidate::new(Account::new("root").unwrap(), Asset::new("web1").unwrap());
    assert_eq!(world.verify(&hall(), Verification::new(candidate.clone())).await.unwrap(), Verified::Opens);
    store.diverge("root", "web1");
    assert_eq!(world.verify(&hall(), Verification::new(candidate)).await.unwrap(), Verified::Diverged);
}

/// Tests that a lock that another operator makes at any moment of this call stays, although the call removes the lock
/// of the same target that has ended.
#[tokio::test]
async fn adding_a_lock_removes_no_new_lock_of_another_operator() {
    let root = || LockTarget::Account(Account::new("root").unwrap());
    let mut met = 0;
    for operation in 0..12 {
        let (clock, below, keys): (Arc<TestClock>, _, _) = (Arc::default(), memory(), ring());
        let vault = || vault(&store(&clock));
        let engine = FaultyStorage::over(&below).into_engine();
        let storage: Arc<dyn Storage> = Arc::clone(&engine) as _;
        let world = World::start(builder(&storage, &keys, &clock).vault(vault()), &clock).await;
        let other = World::start(builder(&below, &keys, &clock).name("b").vault(vault()), &clock).await;
        let end = clock.now().plus(Duration::from_secs(1));
        other.lock(Lock::new(root(), ada(), "ends").until(end)).await.unwrap();
        clock.advance(Duration::from_secs(1));
        let new = Lock::new(root(), ada(), "a new incident");
        let event = {
            let (other, new) = (other.clone(), new.clone());
            async move { other.lock(new).await.unwrap() }
        };
        engine.0.before_operation(operation, event);
        world.lock(Lock::new(LockTarget::Store(hall()), ada(), "")).await.unwrap();
        if !engine.0.has_planned_events() {
            met += 1;
            assert!(other.locks().await.unwrap().contains(&new), "before operation {operation}");
        }
    }
    assert!(met > 4, "{met}");
}

#[tokio::test]
async fn a_lock_that_is_in_force_is_no_error_although_an_ended_lock_cannot_be_removed() {
    let (clock, below): (Arc<TestClock>, _) = (Arc::default(), memory());
    let engine = FaultyStorage::over(&below).into_engine();
    let storage: Arc<dyn Storage> = Arc::clone(&engine) as _;
    let world = World::start(builder(&storage, &ring(), &clock).vault(vault(&store(&clock))), &clock).await;
    let root = LockTarget::Account(Account::new("root").unwrap());
    let end = clock.now().plus(Duration::from_secs(1));
    world.lock(Lock::new(root, ada(), "ends").until(end)).await.unwrap();
    clock.advance(Duration::from_secs(1));
    engine.0.fail_after(1, Fault::Unavailable);
    world.lock(Lock::new(LockTarget::Everything, ada(), "")).await.unwrap();
    let refused = passwords(&world.session("s")).await.unwrap_err();
    assert!(matches!(refused, SessionsError::Locked { .. }), "{refused}");
}

#[tokio::test]
async fn of_a_hundred_operators_who_lock_an_account_at_once_none_is_starved() {
    let clock = Arc::default();
    let storage = FaultyStorage::over(&memory()).pauses().into_engine() as Arc<dyn Storage>;
    let world = World::start(builder(&storage, &ring(), &clock).vault(vault(&store(&clock))), &clock).await;
    let mut running = tokio::task::JoinSet::new();
    for number in 0..100 {
        let world = world.clone();
        running.spawn(async move {
            let target = LockTarget::Account(Account::new("root").unwrap());
            world.lock(Lock::new(target, ada(), number.to_string())).await
        });
    }
    let failed: Vec<_> = running.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(world.locks().await.unwrap().len(), 1);
}
