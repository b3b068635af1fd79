//! An issuer behind a guard: whatever the plugin does, the host goes on.

use std::fmt;
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use keyway_issuers::{
    Action, Capabilities, CredentialRequest, Description, IntendedEffect, Issuer, IssuerError, IssuerPlugin,
    Opening, Outcome, Reconciled, Reconciliation, Revocation, Rule, Violation,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::limits::GrantLimits;
use crate::guard::{Allowed, Guard, Make, Mishap, NOT_MADE, Panicked};

/// How often who waits for a place looks whether the issuer is quarantined.
const LOOK: Duration = Duration::from_millis(100);

/// Where instances come from.
pub(super) enum Origin {
    /// A plugin of the registry makes them, another one after each panic.
    Plugin(&'static dyn IssuerPlugin, Box<Opening>),
    /// The host made the only one.
    Given(Arc<dyn Issuer>),
}

impl Make for Origin {
    type Instance = dyn Issuer;
    type Error = IssuerError;

    fn make(&self) -> Result<Arc<dyn Issuer>, IssuerError> {
        match self {
            Self::Plugin(plugin, opening) => plugin.open(opening),
            Self::Given(issuer) => Ok(Arc::clone(issuer)),
        }
    }
}

/// An issuer, each call of which comes back in time and with an answer that keeps the
/// contract.
pub(super) struct GuardedIssuer {
    guard: Guard<Origin>,
    /// A constant of the issuer, known also while there is no instance after a panic.
    capabilities: Capabilities,
    limits: GrantLimits,
    places: Option<Arc<Semaphore>>,
}

/// The right to one call of an issuer that works on so many at a time. The call holds a clone until it has
/// ended, also when nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Place(
    #[expect(dead_code, reason = "it is there to be dropped")] Option<Arc<OwnedSemaphorePermit>>,
);

impl GuardedIssuer {
    pub(super) fn open(origin: Origin, limits: GrantLimits) -> Result<Self, IssuerError> {
        let opened = Guard::open(origin);
        let guard = opened.unwrap_or_else(|Panicked| Err(panicked(Action::Parameter)))?;
        let declared = guard.look("capabilities", Issuer::capabilities);
        let capabilities = declared.map_err(|_| panicked(Action::Parameter))?;
        let places = |places: NonZero<usize>| Semaphore::new(places.get().min(Semaphore::MAX_PERMITS));
        let places = capabilities.at_once.map(|at_once| Arc::new(places(at_once)));
        Ok(Self { guard, capabilities, limits, places })
    }

    /// Waits until the issuer works on fewer calls than it can (decision W7). Nothing is stored
    /// meanwhile, and no deadline runs. Whoever has a place does not ask for another.
    ///
    /// While the issuer is quarantined everybody gets one, to learn of it: nothing is called, and a
    /// call that hangs would keep its place for ever.
    pub(super) async fn place(&self) -> Place {
        let Some(places) = &self.places else { return Place(None) };
        if let Ok(permit) = Arc::clone(places).try_acquire_owned() {
            return Place(Some(Arc::new(permit)));
        }
        let mut turn = pin!(Arc::clone(places).acquire_owned());
        loop {
            match timeout(LOOK, &mut turn).await {
                // It is never closed.
                Ok(permit) => return Place(permit.ok().map(Arc::new)),
                Err(_) if self.guard.is_quarantined() => return Place(None),
                Err(_) => {}
            }
        }
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    pub(super) async fn describe(&self) -> Result<Description, IssuerError> {
        let work = |issuer: Arc<dyn Issuer>| async move { issuer.describe().await };
        self.call(Action::Parameter, work).await
    }

    /// `held` is held until the plugin has ended, also when nobody waits for its answer any more.
    pub(super) async fn request(
        &self,
        request: Arc<CredentialRequest>,
        held: impl Send + 'static,
    ) -> Result<Outcome, IssuerError> {
        let work = |issuer: Arc<dyn Issuer>| async move {
            let _held = held;
            issuer.request(&request).await
        };
        self.call(Action::Request, work).await
    }

    /// `held` as in [`request`](Self::request).
    pub(super) async fn revoke(
        &self,
        revocation: Revocation,
        held: impl Send + 'static,
    ) -> Result<(), IssuerError> {
        let work = |issuer: Arc<dyn Issuer>| async move {
            let _held = held;
            issuer.revoke(&revocation).await
        };
        self.call(Action::Revoke, work).await
    }

    /// `held` as in [`request`](Self::request).
    pub(super) async fn reconcile(
        &self,
        question: Reconciliation,
        held: impl Send + 'static,
    ) -> Result<Reconciled, IssuerError> {
        let action = match question.effect {
            IntendedEffect::Request => Action::Request,
            IntendedEffect::Revoke(_) => Action::Revoke,
        };
        let work = |issuer: Arc<dyn Issuer>| async move {
            let _held = held;
            issuer.reconcile(&question).await
        };
        self.call(action, work).await
    }

    async fn call<T, F>(
        &self,
        action: Action,
        work: impl FnOnce(Arc<dyn Issuer>) -> F + Send + 'static,
    ) -> Result<T, IssuerError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, IssuerError>> + Send + 'static,
    {
        let GrantLimits { deadline, isolation, .. } = self.limits;
        let blocking = self.capabilities.blocking;
        let answer = self.guard.call(action.word(), Allowed { deadline, isolation, blocking }, work).await;
        answer.unwrap_or_else(|mishap| Err(self.error(action, mishap)))
    }

    fn error(&self, action: Action, mishap: Mishap) -> IssuerError {
        match mishap {
            Mishap::Panicked => panicked(action),
            Mishap::TimedOut => IssuerError::DeadlineExceeded { action, deadline: self.limits.deadline },
            Mishap::Hung(operation) => {
                let hung = Action::ALL.into_iter().find(|known| known.word() == operation);
                IssuerError::Quarantined { action: hung.unwrap_or(action) }
            }
            // In both cases nothing happened: the plugin was not asked.
            Mishap::NotMade { retry_after, error } => {
                IssuerError::Unavailable { what: NOT_MADE, retry_after: Some(retry_after), source: error }
            }
            Mishap::NoRuntime(error) => IssuerError::Unavailable {
                what: "a tokio runtime",
                retry_after: None,
                source: Some(Box::new(error.0)),
            },
        }
    }
}

fn panicked(action: Action) -> IssuerError {
    IssuerError::violation(action, Violation::new("", Rule::Panicked))
}

impl fmt::Debug for GuardedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedIssuer")
            .field("quarantined", &self.guard.is_quarantined())
            .finish_non_exhaustive()
    }
}
