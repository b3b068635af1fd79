//! Tests the events of a session: authentication completed and failed, the end, and dropped handles.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use keyway_conformance::credentials::{Fault, Step, StoreCall};
use keyway_credentials::{
    Capabilities, CheckIn, CheckInTrigger, CheckInTriggers, CheckedIn, CredentialError, CredentialStore,
    CredentialStoreName, Fetch, FetchOutcome, Found, Lease, LeaseId, Password, Passwords, PrivateKeys,
    Rotation, SessionEvent, async_trait,
};
use keyway_host::sessions::{FetchRequest, NewSession, SessionsError, TransitionError, Vault};

use crate::world::*;

#[tokio::test]
async fn a_failed_authentication_returns_the_credentials_as_such() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    session.authentication_failed().await.unwrap();
    assert_eq!(returned(&store), ["AuthenticationFailed"]);
    assert_eq!(store.count(StoreCall::AuthenticationCompleted), 0);
    session.end().await.unwrap();
    assert_eq!((returned(&store).len(), store.count(StoreCall::SessionEnded)), (1, 1));
}

#[tokio::test]
async fn with_the_other_trigger_the_end_returns_what_was_proven() {
    let clock = Arc::default();
    let store = store(&clock);
    let triggers = CheckInTriggers::new(CheckInTrigger::AfterAuthentication)
        .with_protocol("SSH", CheckInTrigger::AtSessionEnd);
    let world = start(vault(&store).check_in_triggers(triggers), &clock).await;
    let session = world.session("s");
    found(&session).await;
    session.authentication_completed().await.unwrap();
    session.authentication_completed().await.unwrap();
    assert_eq!((store.held().len(), store.count(StoreCall::AuthenticationCompleted)), (1, 1));
    // A later fetch does not check in the credentials that the target accepted.
    session.fetch::<PrivateKeys>(&hall(), FetchRequest::new()).await.unwrap().found().unwrap();
    assert_eq!(store.held().len(), 2);
    session.end().await.unwrap();
    assert_eq!(returned(&store), ["Used", "Unused"]);
    let calls: Vec<_> = store.calls().iter().map(|call| call.call).collect();
    assert_eq!(calls.last(), Some(&StoreCall::SessionEnded));
}

/// Tests the end of a session whose credentials no target has accepted. They are checked in first, and the notice of
/// the end still lists them.
#[tokio::test]
async fn the_end_is_told_with_the_check_outs_that_it_returned() {
    let clock = Arc::default();
    let store = Arc::new(Looking::default());
    let vault =
        Vault::with_store(hall(), Arc::clone(&store) as Arc<dyn CredentialStore>).busy_wait(Duration::ZERO);
    let world = start(vault, &clock).await;
    let session = world.session("s");
    found(&session).await;
    assert!(session.end().await.unwrap().failures.is_empty());
    assert_eq!(store.ends.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_repeated_end_tells_nothing_again() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    for _ in 0..2 {
        session.end().await.unwrap();
    }
    assert_eq!((store.count(StoreCall::CheckIn), store.count(StoreCall::SessionEnded)), (1, 1));
    let late = session.authentication_completed().await.unwrap_err();
    assert!(matches!(late, SessionsError::Refused(TransitionError::Ended)));
}

#[tokio::test]
async fn the_end_is_told_although_a_check_in_fails() {
    let clock = Arc::default();
    let store = store(&clock);
    store.script(StoreCall::CheckIn, [0; 3].map(|_| Step::fault(Fault::Unavailable)));
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    assert_eq!(session.end().await.unwrap().failures.len(), 1);
    assert_eq!((store.held().len(), store.count(StoreCall::SessionEnded)), (1, 1));
    for _ in 0..4 {
        world.pass(Duration::from_secs(60)).await;
    }
    assert_eq!((store.held().len(), store.count(StoreCall::SessionEnded)), (0, 1));
    assert_eq!(store.count(StoreCall::CheckIn), 4);
}

#[tokio::test]
async fn a_notice_is_repeated_with_the_same_intent() {
    let clock = Arc::default();
    let store = store(&clock);
    store.script(StoreCall::SessionEnded, [Step::fault(Fault::LostAnswer)]);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    session.end().await.unwrap();
    world.pass(Duration::from_secs(60)).await;
    let notices: Vec<_> =
        store.calls().into_iter().filter(|call| call.call == StoreCall::SessionEnded).collect();
    assert_eq!((notices.len(), &notices[0].intent), (2, &notices[1].intent));
    assert_eq!(store.doubled(), []);
}

#[tokio::test]
async fn a_store_that_was_not_used_is_told_if_the_session_names_it() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    world.session("unnamed").end().await.unwrap();
    assert!(store.calls().is_empty());
    let session = world.begin(NewSession::new(connection("named")).with_store(hall())).unwrap();
    session.authentication_completed().await.unwrap();
    session.end().await.unwrap();
    assert_eq!(store.calls().len(), 2);
    let cellar = CredentialStoreName::new("cellar").unwrap();
    let unknown = world.begin(NewSession::new(connection("named")).with_store(cellar)).unwrap_err();
    assert!(matches!(unknown, SessionsError::NoVault { .. }));
}

#[tokio::test]
async fn a_session_whose_last_handle_is_dropped_ends() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    let other = session.clone();
    drop(session);
    tokio::task::yield_now().await;
    assert_eq!(store.held().len(), 1);
    drop(other);
    until("the session ends", || store.count(StoreCall::SessionEnded) == 1).await;
    assert_eq!(returned(&store), ["Unused"]);
}

/// A store that checks the cookies and the connection that it gets with a call.
#[derive(Debug, Default)]
struct Looking {
    panics: bool,
    /// The number of told ends.
    ends: AtomicU32,
}

#[async_trait]
impl CredentialStore for Looking {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.passwords(true).leases(true)
    }

    async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        assert_eq!(fetch.session.connection.gateway_password.as_ref().unwrap().expose(), "n33dle-login");
        fetch.session.cookie.set("ticket", "n33dle-7")?;
        fetch.session.session_cookie.set("shared", fetch.session.session_cookie.get("asked").is_some())?;
        assert!(!self.panics, "after the cookie");
        let lease = Lease::new(LeaseId::new("l").unwrap());
        Ok(Found::new(Passwords::new(Password::new("n33dle-password"))).with_lease(lease).into())
    }

    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        let session = &check_in.session;
        assert_eq!(session.cookie.text("ticket").unwrap().expose(), "n33dle-7");
        assert_eq!(session.connection.server_username.as_deref(), Some("root"));
        let login = session.connection.gateway_password.is_some();
        session.session_cookie.set("login", login)?;
        Ok(CheckedIn::new(Rotation::NotRotated))
    }

    async fn session_ended(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        assert_eq!(event.check_outs.len(), 1);
        self.ends.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn stores_see_their_cookies_and_the_login_only_if_it_is_lent() {
    for lent in [false, true] {
        let clock = Arc::default();
        let vault = Vault::with_store(hall(), Arc::new(Looking::default())).lend_login(lent);
        let world = start(vault, &clock).await;
        let session = world.session("s");
        session.cookie().set("asked", true).unwrap();
        found(&session).await;
        assert_eq!(session.cookie().get("shared"), Some(true.into()));
        session.authentication_completed().await.unwrap();
        assert_eq!(session.cookie().get("login"), Some(lent.into()));
        assert!(session.end().await.unwrap().failures.is_empty());
        let audit = world.audit.lock().unwrap().join("\n");
        assert!(!audit.contains("n33dle"), "{audit}");
    }
}

#[tokio::test]
async fn the_data_of_a_failing_call_is_kept() {
    let clock = Arc::default();
    let world =
        start(Vault::with_store(hall(), Arc::new(Looking { panics: true, ..Looking::default() })), &clock)
            .await;
    let session = world.session("s");
    passwords(&session).await.unwrap_err();
    assert_eq!(session.cookie().get("shared"), Some(false.into()));
    // The panic may have left a lease, and the store cannot be asked about it.
    assert_eq!(world.undecided(None, 9).await.unwrap().fetches.len(), 1);
}

/// A store whose check-ins do not end.
#[derive(Debug)]
struct Hanging;

#[async_trait]
impl CredentialStore for Hanging {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.passwords(true).leases(true)
    }

    async fn passwords(&self, _: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        let lease = Lease::new(LeaseId::new("l").unwrap());
        Ok(Found::new(Passwords::new(Password::new("correct horse"))).with_lease(lease).into())
    }

    async fn check_in(&self, _: &CheckIn) -> Result<CheckedIn, CredentialError> {
        std::future::pending().await
    }
}

/// Tests the end of a session that also uses a vault that hangs, whether it is called or the last handle is dropped.
#[tokio::test(start_paused = true)]
async fn a_vault_that_hangs_does_not_delay_the_end_at_others() {
    for drops in [false, true] {
        let (clock, cellar) = (Arc::default(), CredentialStoreName::new("a-cellar").unwrap());
        let store = store(&clock);
        let hanging = Vault::with_store(cellar.clone(), Arc::new(Hanging));
        let built = builder(&memory(), &ring(), &clock).vault(vault(&store)).vault(hanging);
        let world = World::start(built, &clock).await;
        let session = world.session("s");
        found(&session).await;
        session.fetch::<Passwords>(&cellar, FetchRequest::new()).await.unwrap().found().unwrap();
        let ends = (!drops).then(|| {
            tokio::spawn({
                let session = session.clone();
                async move { session.end().await.unwrap().failures.len() }
            })
        });
        drop(session);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((store.held().len(), store.count(StoreCall::SessionEnded)), (0, 1), "drops: {drops}");
        if let Some(ends) = ends {
            assert!(!ends.is_finished(), "one vault hangs");
            assert_eq!(ends.await.unwrap(), 1);
        }
    }
}
