//! Tests plugin calls that return late, or whose callers are gone.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::Timestamp;
use keyway_host::grants::{Isolation, Limits, Service};
use keyway_issuers::{
    Capabilities, CredentialRef, CredentialRequest, Description, Issued, Issuer, IssuerError, Reconciled,
    Reconciliation, RequestOutcome, Revocation,
};

use super::world::*;

/// An issuer that blocks, makes its credentials late, and can report the credentials that exist.
#[derive(Debug, Default)]
struct Late {
    state: Mutex<LateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LateState {
    begun: Vec<String>,
    /// The users whose requests may continue.
    released: Vec<String>,
    /// The intents of the credentials.
    made: Vec<String>,
}

impl Late {
    fn begun(&self) -> usize {
        self.state.lock().unwrap().begun.len()
    }

    fn release(&self, subject: &str) {
        self.state.lock().unwrap().released.push(subject.to_owned());
        self.changed.notify_all();
    }

    fn made(&self) -> usize {
        self.state.lock().unwrap().made.len()
    }
}

#[async_trait]
impl Issuer for Late {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.reconciles(true).blocking(true)
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Description::builder("1").build().map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let subject = request.context.requester.user_info.subject().to_owned();
        let intent = request.context.intent.as_ref().unwrap().as_str().to_owned();
        let mut state = self.state.lock().unwrap();
        state.begun.push(subject.clone());
        while !state.released.contains(&subject) {
            state = self.changed.wait(state).unwrap();
        }
        state.made.push(intent.clone());
        Ok(Issued::new(intent).into())
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        Ok(())
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, IssuerError> {
        let intent = question.context.intent.as_ref().unwrap().as_str().to_owned();
        let made = self.state.lock().unwrap().made.contains(&intent);
        Ok(if made { Reconciled::Made(CredentialRef::new(intent)) } else { Reconciled::NothingHappened })
    }
}

async fn late(issuer: &Arc<Late>, deadline: Duration) -> (Started, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    let service = Service::with_issuer(svc(), Arc::clone(issuer) as Arc<dyn Issuer>).allow_everybody();
    let limits = Limits::default().with_deadline(deadline).with_isolation(Isolation::Task);
    let built = host(&memory(), &ring(), service).grant_limits(limits).clock(Arc::clone(&clock) as _);
    (built.started().await, clock)
}

/// Checks that the grant of `joe` is not forgotten while his credential may still be made.
async fn joe_is_not_forgotten(issuer: &Late, grants: &Started, now: Timestamp) {
    let worked = grants.run_due(now).await.unwrap();
    issuer.release("joe");
    until("joe's credential is made", || issuer.made() == 1 || issuer.made() == 2).await;
    let listed = grants.list(&user("joe").user).await.unwrap();
    assert_eq!(listed.len(), 1, "a credential exists, and no grant: {worked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_comes_back_does_not_end_the_quarantine_of_another() {
    let issuer = Arc::new(Late::default());
    let (grants, clock) = late(&issuer, Duration::from_millis(100)).await;
    for (number, subject) in (1..).zip(["joe", "ann"]) {
        let grants = grants.clone();
        tokio::spawn(async move { grants.request(&svc(), plain_request(subject)).await });
        until("it is asked", || issuer.begun() == number).await;
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    issuer.release("ann");
    until("ann's came back", || issuer.made() == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    joe_is_not_forgotten(&issuer, &grants, clock.advance(Duration::from_secs(20))).await;
}

/// Tests that the plugin is not asked about a request on which it is still working.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_waits_for_still_hangs() {
    let issuer = Arc::new(Late::default());
    let (grants, clock) = late(&issuer, Duration::from_secs(30)).await;
    let service = svc();
    let request = grants.request(&service, plain_request("joe"));
    assert!(tokio::time::timeout(Duration::from_millis(100), request).await.is_err());
    assert_eq!(issuer.begun(), 1);
    // The claim has expired by now.
    joe_is_not_forgotten(&issuer, &grants, clock.advance(Duration::from_secs(120))).await;
}

/// Tests that callers that go away do not each occupy a thread for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_go_away_do_not_use_up_the_threads() {
    let issuer = Arc::new(Late::default());
    let (grants, _) = late(&issuer, Duration::from_millis(150)).await;
    let service = svc();
    let mut number = 0;
    let mut go_away = async || {
        number += 1;
        let subject = format!("user-{number}");
        let request = grants.request(&service, plain_request(&subject));
        let _ = tokio::time::timeout(Duration::from_millis(20), request).await;
    };
    // A slow plugin is still called. One caller that went away is no reason to refuse others.
    go_away().await;
    go_away().await;
    assert_eq!(issuer.begun(), 2);
    tokio::time::sleep(Duration::from_millis(200)).await;
    go_away().await;
    assert_eq!(issuer.begun(), 2, "it is quarantined, because the first two are overdue");
    for number in 1..=3 {
        issuer.release(&format!("user-{number}"));
    }
    until("both came back", || issuer.made() == 2).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    go_away().await;
    assert_eq!(issuer.begun(), 3, "it is called again");
    issuer.release("user-4");
}
