//! Guards an issuer, so that the host survives any behaviour of its plugin.

use std::fmt;
use std::sync::Arc;

use keyway_core::CallError;
use keyway_issuers::{
    Action, Capabilities, CredentialRequest, Description, IntendedEffect, Issuer, IssuerError, IssuerPlugin,
    OpenContext, Reconciled, Reconciliation, RequestOutcome, Revocation,
};

use super::limits::GrantLimits;
use crate::plugin::{CallPolicy, Factory, Guard, Pace, Panicked, Permit, Permits};

/// The source of instances.
pub(super) enum Origin {
    /// The plugin of the registry that makes the instances. It makes a new one after a panic.
    Plugin(&'static dyn IssuerPlugin, Box<OpenContext>),
    /// The only instance, which the host supplied.
    Given(Arc<dyn Issuer>),
}

impl Factory for Origin {
    type Instance = dyn Issuer;
    type Error = IssuerError;

    fn make(&self) -> Result<Arc<dyn Issuer>, IssuerError> {
        match self {
            Self::Plugin(plugin, opening) => plugin.open(opening),
            Self::Given(issuer) => Ok(Arc::clone(issuer)),
        }
    }
}

/// An issuer whose calls return in time, with answers that keep the contract.
pub(super) struct GuardedIssuer {
    guard: Guard<Origin>,
    /// The issuer's capabilities, which are also known while there is no instance after a panic.
    capabilities: Capabilities,
    limits: GrantLimits,
    permits: Permits,
}

impl GuardedIssuer {
    pub(super) fn open(origin: Origin, limits: GrantLimits) -> Result<Self, IssuerError> {
        let opened = Guard::open(origin, Arc::default());
        let guard =
            opened.unwrap_or_else(|Panicked| Err(CallError::Panicked { operation: "open" }.into()))?;
        let capabilities = guard.look("capabilities", Issuer::capabilities)?;
        let permits = Permits::new(capabilities.max_concurrency);
        Ok(Self { guard, capabilities, limits, permits })
    }

    /// Waits until the issuer can take another call.
    ///
    /// See decision W7.
    pub(super) async fn permit(&self) -> Permit {
        self.permits.acquire(|| self.guard.is_quarantined()).await
    }

    pub(super) fn is_quarantined(&self) -> bool {
        self.guard.is_quarantined()
    }

    pub(super) fn free_permits(&self) -> Option<usize> {
        self.permits.free()
    }

    pub(super) fn try_permit(&self) -> Option<Permit> {
        self.permits.try_acquire()
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    pub(super) async fn describe(&self) -> Result<Description, IssuerError> {
        let work = |issuer: Arc<dyn Issuer>| async move { issuer.describe().await };
        self.call(Action::Parameter, work).await
    }

    /// Makes a request. `held` is kept until the plugin's call ends, even if its caller goes away.
    pub(super) async fn request(
        &self,
        request: Arc<CredentialRequest>,
        held: impl Send + 'static,
    ) -> Result<RequestOutcome, IssuerError> {
        let work = |issuer: Arc<dyn Issuer>| async move {
            let _held = held;
            issuer.request(&request).await
        };
        self.call(Action::Request, work).await
    }

    /// Revokes. `held` is as in [`request`](Self::request).
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

    /// Reconciles. `held` is as in [`request`](Self::request).
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
        let pace = match self.capabilities {
            Capabilities { blocking: true, .. } => Pace::Blocking,
            Capabilities { prompt: true, .. } => Pace::Prompt,
            _ => Pace::Undeclared,
        };
        self.guard.call(action.word(), CallPolicy { deadline, isolation, pace }, work).await?
    }
}

impl fmt::Debug for GuardedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedIssuer")
            .field("quarantined", &self.guard.is_quarantined())
            .finish_non_exhaustive()
    }
}
