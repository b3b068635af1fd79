//! Guards an issuer, so that the host survives any behaviour of its plugin.

use std::sync::Arc;

use keyway_issuers::{Action, Capabilities, Issuer, IssuerError, IssuerPlugin, OpenContext};

use crate::plugin::{Factory, Guard, Pace, Permits};
use crate::work::Limits;

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
#[derive(Debug)]
pub(super) struct GuardedIssuer {
    pub(super) guard: Guard<Origin>,
    /// The issuer's capabilities, which are also known while there is no instance after a panic.
    pub(super) capabilities: Capabilities,
}

impl GuardedIssuer {
    pub(super) fn open(origin: Origin, limits: Limits) -> Result<Self, IssuerError> {
        let mut guard = Guard::open(origin, (limits.deadline, limits.isolation), Arc::default())?;
        let capabilities = guard.look("capabilities", Issuer::capabilities)?;
        guard.permits = Permits::new(capabilities.max_concurrency);
        Ok(Self { guard, capabilities })
    }

    /// Calls the issuer. `held` is held until it has ended, also when its caller went away.
    pub(super) async fn call<T, F>(
        &self,
        action: Action,
        held: impl Send + 'static,
        work: impl FnOnce(Arc<dyn Issuer>) -> F + Send + 'static,
    ) -> Result<T, IssuerError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, IssuerError>> + Send + 'static,
    {
        let pace = Pace::declared(self.capabilities.blocking, self.capabilities.prompt);
        let work = move |issuer| async move {
            let _held = held;
            work(issuer).await
        };
        self.guard.call(action.word(), pace, work).await
    }
}
