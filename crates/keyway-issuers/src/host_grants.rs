//! Defines the trait by which a plugin of another contract requests and revokes grants of its host.

use std::fmt;

use async_trait::async_trait;
use keyway_core::IntentId;

use crate::{CredentialPart, IssuerError, Parameters, ServiceName, UserInfo};

/// A plugin's request for a grant, on behalf of a user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GrantQuestion {
    /// The service.
    pub service: ServiceName,
    /// The user.
    pub user: UserInfo,
    /// The id of the grant. Each id belongs to at most one grant of the user at the service.
    pub id: IntentId,
    /// The parameters of the request.
    pub parameters: Parameters,
}

impl GrantQuestion {
    /// Creates a request without parameters.
    pub fn new(service: ServiceName, user: UserInfo, id: IntentId) -> Self {
        Self { service, user, id, parameters: Parameters::default() }
    }

    /// Sets the parameters of the request.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }
}

/// The answer to a request for a grant.
#[derive(Debug)]
#[non_exhaustive]
pub enum GrantAnswer {
    /// The grant was made. Its credential is handed out only in this answer.
    Made(Vec<CredentialPart>),
    /// There is a grant with this id already. Its credential was handed out before.
    Repeated,
}

/// The grants of a host. The host passes them to a plugin as `Arc<dyn HostGrants>`, so that the plugin gets credentials
/// without knowing which issuer makes them. The host applies its limits, records the grant, and revokes it (decisions
/// R2 and W6).
#[async_trait]
pub trait HostGrants: fmt::Debug + Send + Sync {
    /// Requests a grant.
    ///
    /// # Errors
    /// The errors of the service, and [`Refused`](IssuerError::Refused) if the host's own rules forbid the grant.
    ///
    /// # Cancel safety
    /// A dropped future may have made the grant; [`revoke`](Self::revoke) ends it.
    async fn request(&self, question: GrantQuestion) -> Result<GrantAnswer, IssuerError>;

    /// Revokes the grant with this id. The call succeeds if there is no such grant.
    ///
    /// # Errors
    /// The errors of the service. The host itself retries the failed revocation of a grant that it has recorded.
    ///
    /// # Cancel safety
    /// After a dropped future the grant may exist unchanged, wait for its revocation, or be gone.
    async fn revoke(&self, service: &ServiceName, user: &UserInfo, id: &IntentId) -> Result<(), IssuerError>;
}
