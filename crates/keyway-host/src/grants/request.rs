//! The requests of users.

use std::fmt;

use keyway_issuers::{IntentId, Parameters, Requester};

/// A user's request for a credential.
#[derive(Clone, PartialEq)]
pub struct GrantRequest {
    pub(super) requester: Requester,
    pub(super) parameters: Parameters,
    pub(super) id: Option<IntentId>,
}

impl GrantRequest {
    /// Creates a request without parameters.
    pub fn new(requester: impl Into<Requester>) -> Self {
        Self { requester: requester.into(), parameters: Parameters::default(), id: None }
    }

    /// Sets the values that the user entered.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// Gives the request an id. A repeated request with the same id is answered with the same grant, as long as the
    /// grant exists. It makes no second grant. If the first attempt was interrupted and the plugin is
    /// [idempotent](keyway_issuers::Capabilities::idempotent), the host repeats the call, and the plugin returns the
    /// same credential.
    ///
    /// Take another id after the grant is revoked: a plugin that remembers the id refuses to issue for it again.
    #[must_use]
    pub fn with_id(mut self, id: IntentId) -> Self {
        self.id = Some(id);
        self
    }
}

impl fmt::Debug for GrantRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantRequest")
            .field("user", &self.requester.user)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
