//! Tests the limit of an issuer's concurrent calls while callers leave and calls hang.

use keyway_core::CallError;
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keyway_host::grants::{GrantsError, Isolation, Limits, Service};
use keyway_issuers::{
    Capabilities, CredentialRequest, Description, Issued, Issuer, IssuerError, RequestOutcome, Revocation,
};

use super::world::*;

/// An issuer that works on one call at a time, and holds some calls until it is released.
#[derive(Debug, Default)]
struct Counter {
    state: Mutex<Calls>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Calls {
    made: u32,
    running: u32,
    most: u32,
    /// How many of the next calls wait until the issuer is released.
    to_wait: u32,
    released: bool,
}

impl Counter {
    fn look<T>(&self, look: impl FnOnce(&mut Calls) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// Works on one call, on a separate thread.
    fn call(&self) -> u32 {
        let mut state = self.state.lock().unwrap();
        state.running += 1;
        state.most = state.most.max(state.running);
        if state.to_wait > 0 {
            state.to_wait -= 1;
            // The wait is limited, so that a failing test ends.
            let (waited, _) = self
                .changed
                .wait_timeout_while(state, Duration::from_secs(20), |state| !state.released)
                .unwrap();
            state = waited;
        }
        state.running -= 1;
        state.made += 1;
        state.made
    }

    fn release(&self) {
        self.look(|state| state.released = true);
        self.changed.notify_all();
    }
}

#[async_trait]
impl Issuer for Counter {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.blocking(true).max_concurrency(NonZero::<usize>::MIN)
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Description::builder("1").build().map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, _: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        Ok(Issued::new(format!("account-{}", self.call())).into())
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        self.call();
        Ok(())
    }
}

async fn start(counter: &Arc<Counter>, deadline: Duration) -> Started {
    let service = Service::with_issuer(svc(), Arc::clone(counter) as Arc<dyn Issuer>).allow_everybody();
    let limits = Limits::default().with_deadline(deadline).with_isolation(Isolation::Task);
    host(&memory(), &ring(), service).grant_limits(limits).started().await
}

/// Starts a call on a separate task.
fn begin(grants: &Started, revoked: Option<keyway_host::grants::GrantId>) -> tokio::task::JoinHandle<bool> {
    let grants = grants.clone();
    tokio::spawn(async move {
        match revoked {
            None => grants.request(&svc(), plain_request("joe")).await.is_ok(),
            Some(grant) => grants.revoke(grant, user("joe")).await.is_ok(),
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_its_caller_left_keeps_its_place_until_it_ends() {
    for revokes in [false, true] {
        let counter = Arc::new(Counter::default());
        let grants = start(&counter, Duration::from_secs(30)).await;
        let handed = granted(grants.request(&svc(), plain_request("joe")).await);
        counter.look(|calls| calls.to_wait = 1);
        let left = begin(&grants, revokes.then_some(handed.grant));
        until("the issuer is asked", || counter.look(|calls| calls.running == 1)).await;
        left.abort();
        assert!(left.await.unwrap_err().is_cancelled());

        let next = begin(&grants, None);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!next.is_finished(), "it has no place yet");
        counter.release();
        assert!(next.await.unwrap());
        assert_eq!(counter.look(|calls| (calls.most, calls.running)), (1, 0), "revokes: {revokes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_waits_for_a_place_learns_that_a_call_keeps_it_for_ever() {
    let counter = Arc::new(Counter::default());
    let grants = start(&counter, Duration::from_millis(200)).await;
    counter.look(|calls| calls.to_wait = 1);
    let hangs = begin(&grants, None);
    until("the issuer is asked", || counter.look(|calls| calls.running == 1)).await;
    let refused = grants.request(&svc(), plain_request("joe")).await;
    assert!(
        matches!(refused, Err(GrantsError::Issuer(IssuerError::Call(CallError::Quarantined { .. })))),
        "{refused:?}"
    );
    assert!(!hangs.await.unwrap());
    assert_eq!(counter.look(|calls| calls.most), 1);

    counter.release();
    until("the call ends", || counter.look(|calls| calls.running == 0)).await;
    let mut again = grants.request(&svc(), plain_request("joe")).await;
    for _ in 0..100 {
        if !matches!(again, Err(GrantsError::Issuer(IssuerError::Call(CallError::Quarantined { .. })))) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        again = grants.request(&svc(), plain_request("joe")).await;
    }
    granted(again);
}
