//! Tests sessions whose host is lost, and sessions that outlive their host.

use std::sync::Arc;
use std::time::Duration;

use keyway_conformance::credentials::StoreCall;
use keyway_credentials::{CredentialStoreName, Holder, Passwords};
use keyway_host::sessions::{FetchRequest, LeaseQuery, NewSession, SessionsError, Vault};
use keyway_host::{HostError, RecordError};
use keyway_storage::{Batch, Expectation, Fault, FaultyStorage, KeyRange, Storage};

use crate::world::*;

#[tokio::test]
async fn a_restart_checks_in_what_the_lost_host_held() {
    let (clock, storage, keys) = (Arc::default(), memory(), ring());
    let store = store(&clock);
    let start = async || World::start(builder(&storage, &keys, &clock).vault(vault(&store)), &clock).await;
    let world = start().await;
    for number in 0..3 {
        let session = world.session(&number.to_string());
        found(&session).await;
        if number == 2 {
            session.authentication_completed().await.unwrap();
        }
        // The process dies, so no destructor of the handle runs.
        std::mem::forget(session);
    }
    let other = World::start(builder(&storage, &keys, &clock).name("b").vault(vault(&store)), &clock).await;
    other.host.recover().await.unwrap();
    other.pass(Duration::from_secs(1)).await;
    assert_eq!(store.held().len(), 2, "another host does not take them over");

    let world = start().await;
    world.host.recover().await.unwrap();
    world.pass(Duration::ZERO).await;
    assert_eq!(store.held().len(), 0);
    assert_eq!(returned(&store), ["Used", "HostLost", "HostLost"]);
    assert_eq!(store.count(StoreCall::SessionEnded), 3);
    assert!(world.host.recover().await.unwrap().is_empty());
}

/// Tests a recovery in which the storage engine fails once, when the end of the first of three sessions is stored.
#[tokio::test]
async fn a_recovery_that_cannot_end_a_session_ends_the_others_and_is_an_error() {
    let (clock, below, keys) = (Arc::default(), memory(), ring());
    let store = store(&clock);
    let start = async |storage: &Arc<dyn Storage>| {
        World::start(builder(storage, &keys, &clock).vault(vault(&store)), &clock).await
    };
    let world = start(&below).await;
    for number in 0..3 {
        let session = world.session(&number.to_string());
        found(&session).await;
        std::mem::forget(session);
    }
    let engine = FaultyStorage::over(&below).into_engine();
    let world = start(&(Arc::clone(&engine) as _)).await;
    engine.0.fail_after(0, Fault::Unavailable);
    let failed = world.host.recover().await.unwrap_err();
    assert!(matches!(failed, HostError::Record(_)), "{failed}");
    world.pass(Duration::ZERO).await;
    assert_eq!(store.held().len(), 1);
    world.host.recover().await.unwrap();
    world.pass(Duration::ZERO).await;
    assert_eq!(returned(&store), ["HostLost"; 3]);
}

/// Tests that a recovery skips a damaged record. The list of leases is an error, because an operator would miss the
/// lease of the damaged record.
#[tokio::test]
async fn a_damaged_record_does_not_keep_a_recovery_from_the_others() {
    let (clock, storage, keys) = (Arc::default(), memory(), ring());
    let store = store(&clock);
    let start = async || World::start(builder(&storage, &keys, &clock).vault(vault(&store)), &clock).await;
    let world = start().await;
    for number in 0..3 {
        let session = world.session(&number.to_string());
        found(&session).await;
        std::mem::forget(session);
    }
    let sessions = KeyRange::prefix(b"keyway-host\0\x08\x01");
    let records = storage.scan(&sessions, None, 9).await.unwrap().entries;
    // Sessions are listed by the last 16 bytes of their keys.
    let first = records.into_iter().min_by_key(|found| found.key[found.key.len() - 16..].to_vec()).unwrap();
    let batch = Batch::new().put(first.key, "damaged", Expectation::Any);
    let _ = storage.commit(batch).await.unwrap();

    let world = start().await;
    world.host.recover().await.unwrap();
    world.pass(Duration::ZERO).await;
    assert_eq!(returned(&store), ["HostLost"; 2]);
    let joe = LeaseQuery::Holder(Holder::new("joe").unwrap());
    let error = world.leases(&joe, None, 9).await.unwrap_err();
    assert!(matches!(error, SessionsError::Record(RecordError::Corrupt { .. })), "{error}");
}

#[tokio::test]
async fn the_loop_repeats_a_recovery_that_cannot_end_a_session() {
    let (clock, below, keys) = (Arc::default(), memory(), ring());
    let store = store(&clock);
    let world = World::start(builder(&below, &keys, &clock).vault(vault(&store)), &clock).await;
    let session = world.session("s");
    found(&session).await;
    std::mem::forget(session);
    let engine = FaultyStorage::over(&below).into_engine();
    let storage: Arc<dyn Storage> = Arc::clone(&engine) as _;
    let world = World::start(builder(&storage, &keys, &clock).vault(vault(&store)), &clock).await;
    engine.0.fail_after(0, Fault::Unavailable);
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let run = tokio::spawn(async move { world.host.run(async { drop(ended.await) }).await });
    until("the lease is checked in", || store.held().is_empty()).await;
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_session_of_a_living_host_is_left_alone() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    world.host.recover().await.unwrap();
    world.pass(Duration::from_secs(3600)).await;
    assert_eq!(store.held().len(), 1);
    session.end().await.unwrap();
}

#[tokio::test]
async fn a_detached_session_goes_on_after_a_restart() {
    let (clock, storage, keys) = (Arc::default(), memory(), ring());
    let store = store(&clock);
    let start = async || World::start(builder(&storage, &keys, &clock).vault(vault(&store)), &clock).await;
    let new = || NewSession::new(connection("s")).detached(true);
    let world = start().await;
    let session = world.begin(new()).unwrap();
    session.cookie().set("mine", "7").unwrap();
    found(&session).await;
    drop(session);
    let world = start().await;
    world.host.recover().await.unwrap();
    world.pass(Duration::ZERO).await;
    assert_eq!(store.held().len(), 1);
    let session = world.resume(new()).await.unwrap().expect("it has a record");
    assert_eq!(session.cookie().get("mine"), Some("7".into()));
    session.authentication_completed().await.unwrap();
    session.end().await.unwrap();
    assert_eq!(returned(&store), ["Used"]);
    assert!(world.resume(new()).await.unwrap().is_none());
    let joe = LeaseQuery::Holder(Holder::new("joe").unwrap());
    assert!(world.leases(&joe, None, 9).await.unwrap().leases.is_empty());
}

/// Tests that the end of a detached session is stored before the store hears of it, also if a handle that is not detached
/// ends the session.
#[tokio::test]
async fn the_end_of_a_detached_session_is_stored_first_whatever_its_handle_is() {
    for is_detached in [true, false] {
        let (clock, storage, keys) = (Arc::default(), memory(), ring());
        let store = store(&clock);
        let start = async |storage: &_| {
            World::start(builder(storage, &keys, &clock).vault(vault(&store)), &clock).await
        };
        let world = start(&storage).await;
        let session = world.begin(NewSession::new(connection("s")).detached(true)).unwrap();
        found(&session).await;
        session.authentication_completed().await.unwrap();
        assert_eq!(store.held().len(), 0);
        drop((session, world));
        let world = start(&dying(&storage, 0, false, false)).await;
        let new = NewSession::new(connection("s")).detached(is_detached);
        let session = world.resume(new).await.unwrap().expect("it has a record");
        session.end().await.unwrap_err();
        assert_eq!(store.count(StoreCall::SessionEnded), 0, "{is_detached}");
        std::mem::forget(session);
    }
}

#[tokio::test]
async fn a_vault_that_is_gone_does_not_keep_the_others_from_being_told() {
    let (clock, storage, keys) = (Arc::default(), memory(), ring());
    let (left, kept) = (store(&clock), store(&clock));
    let annex = CredentialStoreName::new("annex").unwrap();
    let all = builder(&storage, &keys, &clock)
        .vault(vault(&kept))
        .vault(Vault::with_store(annex.clone(), Arc::new(left.clone())));
    let new = || NewSession::new(connection("s")).detached(true).with_store(hall());
    let world = World::start(all, &clock).await;
    let session = world.begin(new().with_store(annex.clone())).unwrap();
    found(&session).await;
    session.fetch::<Passwords>(&annex, FetchRequest::new()).await.unwrap().found().unwrap();
    drop((session, world));
    // The vault `annex`, which is the first by name, is not configured any more.
    let world = World::start(builder(&storage, &keys, &clock).vault(vault(&kept)), &clock).await;
    let session = world.resume(new()).await.unwrap().expect("it has records");
    let error = session.end().await.unwrap_err();
    assert!(matches!(error, SessionsError::NoVault { .. }), "{error}");
    assert_eq!((kept.held().len(), left.held().len()), (0, 1));
}
