//! Tests revocations that outlive their callers. The plugin recognizes a credential only by its reference (`state` on
//! the wire), so a late revocation could hit a newer credential with the same reference.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::{CallError, Clock, Timestamp};
use keyway_host::WorkOutcome;
use keyway_host::grants::{
    Decision, GrantOutcome, GrantsError, Isolation, Limits, Phase, Service, TransitionError,
};
use keyway_issuers::{
    Action, Capabilities, ContractViolation, CredentialRef, CredentialRequest, Description, Issued, Issuer,
    IssuerError, RequestOutcome, Revocation, Rule, Violation,
};

use super::world::*;

/// The portal's reaction to a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Revoke {
    Fails,
    /// Blocks its thread until the test releases it, and then revokes.
    Blocks,
}

/// An issuer with one account: every credential has the same reference.
#[derive(Debug, Default)]
struct Portal {
    state: Mutex<PortalState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct PortalState {
    exists: bool,
    /// The results of the next revocations; later ones succeed.
    plan: VecDeque<Revoke>,
    /// Whether the next request breaks the contract with an answer that names its credential.
    breaks: bool,
    blocked: usize,
    released: bool,
    ended: usize,
}

impl Portal {
    fn of(plan: impl IntoIterator<Item = Revoke>) -> Arc<Self> {
        let state = PortalState { plan: plan.into_iter().collect(), ..PortalState::default() };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    fn look<T>(&self, look: impl FnOnce(&mut PortalState) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    async fn release(&self) {
        self.look(|state| state.released = true);
        self.changed.notify_all();
        until("the revocation ends", || self.look(|state| state.ended == state.blocked)).await;
        // The host needs a moment to notice the end of the call.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[async_trait]
impl Issuer for Portal {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.blocking(true)
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Description::builder("1").build().map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, _: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let breaks = self.look(|state| {
            state.exists = true;
            std::mem::take(&mut state.breaks)
        });
        if breaks {
            return Err(IssuerError::ContractViolation(Box::new(ContractViolation {
                action: Action::Request,
                violations: Violation::new("credential", Rule::Missing).into(),
                orphan: Some(CredentialRef::new("account")),
                note: String::new(),
            })));
        }
        Ok(Issued::new("account").into())
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        let mut state = self.state.lock().unwrap();
        match state.plan.pop_front() {
            None => {}
            Some(Revoke::Fails) => return Err(IssuerError::refused("Not now.", "the portal is closed")),
            Some(Revoke::Blocks) => {
                state.blocked += 1;
                while !state.released {
                    state = self.changed.wait(state).unwrap();
                }
                state.ended += 1;
            }
        }
        state.exists = false;
        Ok(())
    }
}

async fn start(portal: &Arc<Portal>, deadline: Duration) -> (Started, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    let service = Service::with_issuer(svc(), Arc::clone(portal) as Arc<dyn Issuer>).allow_everybody();
    let limits = Limits::default().with_deadline(deadline).with_isolation(Isolation::Task);
    let built = host(&memory(), &ring(), service).grant_limits(limits).clock(Arc::clone(&clock) as _);
    (built.started().await, clock)
}

async fn request(grants: &Started) -> Result<GrantOutcome, GrantsError> {
    grants.request(&svc(), plain_request("joe")).await
}

/// Checks that a user who got a credential still has it, which shows that no late revocation hit it. Then checks that
/// after all revocations nothing remains.
async fn assert_that_each_grant_exists(portal: &Portal, grants: &Started, mut now: Timestamp) {
    let listed = grants.list(&user("joe").user).await.unwrap();
    let granted = listed.iter().filter(|grant| grant.state.phase == Phase::Granted).count();
    assert!(granted == 0 || portal.look(|state| state.exists), "a late revocation hit another credential");
    for _ in 0..3 {
        now = now.plus(Duration::from_secs(3600));
        grants.run_due(now).await.unwrap();
    }
    for grant in grants.list(&user("joe").user).await.unwrap() {
        grants.revoke(grant.id, user("joe")).await.unwrap();
    }
    assert!(!portal.look(|state| state.exists));
    // The portal works as before.
    granted_and_there(portal, grants).await;
}

async fn granted_and_there(portal: &Portal, grants: &Started) {
    granted(request(grants).await);
    assert!(portal.look(|state| state.exists));
}

/// The start of a revocation whose caller stops waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    ByItsUser,
    ByAWorker,
    WhenTheAnswerIsDiscarded,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_its_caller_left_does_not_hit_the_next_credential() {
    for begun in [Begun::ByItsUser, Begun::ByAWorker, Begun::WhenTheAnswerIsDiscarded] {
        let fails = (begun == Begun::ByAWorker).then_some(Revoke::Fails);
        let portal = Portal::of(fails.into_iter().chain([Revoke::Blocks]));
        let (grants, clock) = start(&portal, Duration::from_secs(30)).await;
        portal.look(|state| state.breaks = begun == Begun::WhenTheAnswerIsDiscarded);
        let left = tokio::spawn({
            let (grants, clock) = (grants.clone(), Arc::clone(&clock));
            async move {
                let made = request(&grants).await;
                let handed = granted(made);
                let revoked = grants.revoke(handed.grant, user("joe")).await;
                assert!(begun == Begun::ByAWorker && revoked.is_err(), "{revoked:?}");
                grants.run_due(clock.advance(Duration::from_secs(60))).await.unwrap();
            }
        });
        until("the portal is asked", || portal.look(|state| state.blocked == 1)).await;
        left.abort();
        assert!(left.await.unwrap_err().is_cancelled());

        // The call is within its deadline, so the portal counts as slow and is still called.
        let id = grants.list(&user("joe").user).await.unwrap()[0].id;
        let again = grants.revoke(id, user("joe")).await;
        assert!(
            matches!(again, Err(GrantsError::Refused(TransitionError::BeingRevoked))),
            "{begun:?}: {again:?}"
        );
        let decided = grants.decide(&user("joe").user, id, Decision::NothingThere).await;
        assert!(
            matches!(decided, Err(GrantsError::Refused(TransitionError::InFlight))),
            "{begun:?}: {decided:?}"
        );
        let worked = grants.run_due(clock.advance(Duration::from_secs(600))).await.unwrap();
        assert!(matches!(worked[0].outcome, WorkOutcome::LeasedElsewhere), "{begun:?}: {worked:?}");
        // The portal makes the account again, but no caller gets it. The pending revocation removes it.
        let next = request(&grants).await;
        assert!(matches!(next, Err(GrantsError::StateTaken { grant }) if grant == id), "{begun:?}: {next:?}");
        portal.release().await;
        assert_that_each_grant_exists(&portal, &grants, clock.now()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_passed_its_deadline_does_not_hit_the_next_credential() {
    let portal = Portal::of([Revoke::Blocks]);
    let (grants, clock) = start(&portal, Duration::from_millis(100)).await;
    let handed = granted(request(&grants).await);
    let error = grants.revoke(handed.grant, user("joe")).await.unwrap_err();
    assert!(
        matches!(
            error,
            GrantsError::NotRevoked { error: IssuerError::Call(CallError::DeadlineExceeded { .. }), .. }
        ),
        "{error}"
    );
    // None of these calls ends the old grant, so nothing new is made.
    let _ = grants.revoke(handed.grant, user("joe")).await;
    let _ = grants.run_due(clock.advance(Duration::from_secs(600))).await;
    let _ = grants.decide(&user("joe").user, handed.grant, Decision::NothingThere).await;
    let next = request(&grants).await;
    assert!(
        matches!(next, Err(GrantsError::Issuer(IssuerError::Call(CallError::Quarantined { .. })))),
        "{next:?}"
    );
    portal.release().await;
    assert_that_each_grant_exists(&portal, &grants, clock.now()).await;
}
