//! Tests layers on a store that reports which operation was called.

use std::sync::{Arc, Mutex};

use pollster::block_on;

use super::*;
use crate::{Candidate, CheckOut, Connection, Cookie, IntendedCall, Json};

/// A store that answers each operation with an error. The error names the operation.
#[derive(Debug)]
struct Named;

fn named<T>(what: &'static str) -> Result<T, CredentialError> {
    Err(CredentialError::Unsupported { what })
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl CredentialStore for Named {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.reconciles(true)
    }

    async fn passwords(&self, _: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        named("Fetch { kind: Passwords")
    }

    async fn private_keys(&self, _: &Fetch) -> Result<FetchOutcome<PrivateKeys>, CredentialError> {
        named("Fetch { kind: PrivateKeys")
    }

    async fn certificates(&self, _: &Fetch) -> Result<FetchOutcome<Certificates>, CredentialError> {
        named("Fetch { kind: Certificates")
    }

    async fn totp_codes(&self, _: &Fetch) -> Result<FetchOutcome<TotpCodes>, CredentialError> {
        named("Fetch { kind: TotpCodes")
    }

    async fn remote_app_credentials(
        &self,
        _: &Fetch,
    ) -> Result<FetchOutcome<RemoteAppCredentials>, CredentialError> {
        named("Fetch { kind: RemoteApp")
    }

    async fn accounts(&self, _: &CandidateQuestion) -> Result<Candidates<Account>, CredentialError> {
        named("Accounts")
    }

    async fn assets(&self, _: &CandidateQuestion) -> Result<Candidates<Asset>, CredentialError> {
        named("Assets")
    }

    async fn check_in(&self, _: &CheckIn) -> Result<CheckedIn, CredentialError> {
        named("CheckIn")
    }

    async fn renew(&self, _: &LeaseRenewal) -> Result<Lease, CredentialError> {
        named("Renew")
    }

    async fn verify(&self, _: &Verification) -> Result<Verified, CredentialError> {
        named("Verify")
    }

    async fn authentication_completed(&self, _: &SessionEvent) -> Result<(), CredentialError> {
        named("AuthenticationCompleted")
    }

    async fn session_ended(&self, _: &SessionEvent) -> Result<(), CredentialError> {
        named("SessionEnded")
    }

    async fn reconcile(&self, _: &Reconciliation) -> Result<Reconciled, CredentialError> {
        named("Reconcile")
    }
}

/// A layer that records each call.
#[derive(Debug)]
struct Recording {
    inner: Arc<dyn CredentialStore>,
    calls: Mutex<Vec<String>>,
}

impl CredentialStoreLayer for Recording {
    type Inner = dyn CredentialStore;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, CredentialError>
    where
        T: Any + Send,
        F: Future<Output = Result<T, CredentialError>> + Send,
    {
        self.calls.lock().unwrap().push(format!("{call:?}"));
        next.await
    }
}

/// A layer that answers the end of a session itself, and forwards every other operation.
#[derive(Debug)]
struct Ending(Named);

impl CredentialStoreLayer for Ending {
    type Inner = Named;

    fn inner(&self) -> &Named {
        &self.0
    }

    async fn session_ended(&self, _: &SessionEvent) -> Result<(), CredentialError> {
        Ok(())
    }
}

/// A layer that refuses every call without polling `next`, so no call reaches the store below.
#[derive(Debug)]
struct Refusing(Layered<Recording>);

impl CredentialStoreLayer for Refusing {
    type Inner = Layered<Recording>;

    fn inner(&self) -> &Self::Inner {
        &self.0
    }

    async fn around<T, F>(&self, _: Call<'_>, _: F) -> Result<T, CredentialError>
    where
        T: Any + Send,
        F: Future<Output = Result<T, CredentialError>> + Send,
    {
        Err(CredentialError::refused("Not now.", "the layer refuses everything"))
    }
}

fn recording(inner: Arc<dyn CredentialStore>) -> Layered<Recording> {
    Layered(Recording { inner, calls: Mutex::default() })
}

async fn each_operation(store: &dyn CredentialStore) -> Vec<Result<(), CredentialError>> {
    let intent = IntentId::new("i-7").unwrap();
    let mut connection = Connection::new(SessionId::new("s-7").unwrap());
    connection.gateway_password = Some("n33dle".into());
    let cookie = Cookie::default();
    cookie.set("token", Json::text("n33dle")).unwrap();
    let session = SessionContext::new(connection).with_cookie(cookie.clone()).with_session_cookie(cookie);
    let account = Account::new("n33dle").unwrap();
    let candidate = Candidate::new(account.clone(), Asset::new("n33dle").unwrap());
    let fetch = Fetch::new(candidate.clone(), session.clone())
        .with_intent(intent.clone())
        .with_reason("n33dle")
        .with_ticket("n33dle");
    let lease = Lease::new(LeaseId::new("l-7").unwrap());
    let check_in = CheckIn::new(
        intent.clone(),
        lease.clone(),
        candidate.clone(),
        session.clone(),
        CheckInReason::Unused,
    );
    let renewal = LeaseRenewal::new(intent.clone(), lease.clone(), candidate.clone(), session.clone());
    let event = SessionEvent::new(intent, session.clone())
        .with_check_out(CheckOut::new(candidate.clone(), Some(lease)));
    vec![
        store.passwords(&fetch).await.map(drop),
        store.private_keys(&fetch).await.map(drop),
        store.certificates(&fetch).await.map(drop),
        store.totp_codes(&fetch).await.map(drop),
        store.remote_app_credentials(&fetch).await.map(drop),
        store.accounts(&CandidateQuestion::accounts(session.clone())).await.map(drop),
        store.assets(&CandidateQuestion::assets(session, "n33dle", account)).await.map(drop),
        store.check_in(&check_in).await.map(drop),
        store.renew(&renewal).await.map(drop),
        store.verify(&Verification::new(candidate)).await.map(drop),
        store.authentication_completed(&event).await,
        store.session_ended(&event).await,
        store.reconcile(&IntendedCall::Fetch(CredentialKind::Passwords, fetch).into()).await.map(drop),
        store.reconcile(&IntendedCall::CheckIn(check_in).into()).await.map(drop),
    ]
}

#[test]
fn each_operation_passes_around_and_reaches_the_store() {
    let store = recording(Arc::new(recording(Arc::new(Named))));
    let answers = block_on(each_operation(&store));
    let calls = store.0.calls.lock().unwrap().clone();
    assert_eq!(calls.len(), answers.len());
    for (call, answer) in calls.iter().zip(answers) {
        let Err(CredentialError::Unsupported { what }) = answer else { panic!("{call} never arrived") };
        let rest = call.strip_prefix(what).unwrap_or_else(|| panic!("{call} arrived as {what}"));
        assert!(rest.is_empty() || rest.starts_with([' ', ',']), "{call} arrived as {what}");
        assert!(!call.contains("n33dle"), "{call}");
    }
    assert!(calls[0].contains("i-7") && calls[7].contains("l-7") && calls[7].contains("s-7"), "{calls:?}");
    assert_eq!(store.capabilities(), Named.capabilities());
}

#[test]
fn an_override_takes_the_place_of_one_operation() {
    let answers = block_on(each_operation(&recording(Arc::new(Layered(Ending(Named))))));
    let answered: Vec<_> = answers.iter().enumerate().filter(|(_, answer)| answer.is_ok()).collect();
    assert_eq!(answered.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [11]);
}

#[test]
fn a_call_that_the_layer_refuses_does_not_reach_the_store() {
    let store = Layered(Refusing(recording(Arc::new(Named))));
    for answer in block_on(each_operation(&store)) {
        assert!(matches!(answer, Err(CredentialError::Refused { .. })), "{answer:?}");
    }
    assert_eq!(*store.0.0.0.calls.lock().unwrap(), Vec::<String>::new());
}
