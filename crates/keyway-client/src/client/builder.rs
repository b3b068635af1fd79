//! The builder of a client.

use std::fmt;
use std::sync::Arc;

use keyway_secrets::SecretStore;

use super::{Core, Place, Secrets};
use crate::{AccessAudit, Resolution};

/// Builds a [`Secrets`] with optional settings.
#[must_use]
pub struct SecretsBuilder {
    store: Arc<dyn SecretStore>,
    audit: Option<Arc<dyn AccessAudit>>,
    name: Option<String>,
    requester: Option<Arc<str>>,
    place: Place,
    resolution: Resolution,
}

impl SecretsBuilder {
    pub(super) fn new(store: Arc<dyn SecretStore>) -> Self {
        Self {
            store,
            audit: None,
            name: None,
            requester: None,
            place: Place::Shared,
            resolution: Resolution::Exact,
        }
    }

    /// Sets the environment that the client works in at first; see [`Secrets::in_environment`].
    pub fn environment(mut self, environment: &str) -> Self {
        self.place = Place::named(environment);
        self
    }

    /// Sets the policy; the default is [`Exact`](Resolution::Exact).
    ///
    /// See decision L1.
    pub fn resolution(mut self, resolution: Resolution) -> Self {
        self.resolution = resolution;
        self
    }

    /// Sets the name of the client, for the audit hook.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the requester, for the audit hook.
    pub fn requester(mut self, requester: &str) -> Self {
        self.requester = Some(requester.into());
        self
    }

    /// Sets the audit hook, which receives a report of every access.
    pub fn audit(mut self, audit: impl AccessAudit + 'static) -> Self {
        self.audit = Some(Arc::new(audit));
        self
    }

    /// Builds the client. Does no I/O.
    pub fn build(self) -> Secrets {
        let Self { store, audit, name, requester, place, resolution } = self;
        Secrets { core: Arc::new(Core { store, audit, name }), requester, place, resolution }
    }
}

impl fmt::Debug for SecretsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsBuilder")
            .field("name", &self.name)
            .field("requester", &self.requester)
            .field("resolution", &self.resolution)
            .field("audit", &self.audit.is_some())
            .finish_non_exhaustive()
    }
}
