//! Gives a plugin of another contract the grants of its host.

use std::fmt;

use async_trait::async_trait;
use keyway_core::IntentId;

use crate::{CredentialPart, IssuerError, Parameters, ServiceName, UserInfo};

/// A request for a grant, which a plugin makes on behalf of a user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GrantQuestion {
    /// The service.
    pub service: ServiceName,
    /// The user.
    pub user: UserInfo,
    /// Names the grant. The same user and service have one grant of an id.
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
    /// The grant is made. Its credential is handed out only now.
    Made(Vec<CredentialPart>),
    /// There is a grant of this id, whose credential was handed out before.
    Repeated,
}

/// The grants of a host. A host lends them as `Arc<dyn HostGrants>`, so that a plugin gets credentials of an issuer
/// without knowing it: the host keeps its limits, its record of the grant, and revokes it (decisions R2 and W6).
#[async_trait]
pub trait HostGrants: fmt::Debug + Send + Sync {
    /// Requests a grant.
    ///
    /// # Errors
    /// The errors of the service, and [`Refused`](IssuerError::Refused) by the host's own rules.
    ///
    /// # Cancel safety
    /// A dropped future may have made the grant; [`revoke`](Self::revoke) ends it.
    async fn request(&self, question: GrantQuestion) -> Result<GrantAnswer, IssuerError>;

    /// Revokes the grant of this id. It succeeds if there is none.
    ///
    /// # Errors
    /// The errors of the service. The host tries again by itself if it has the grant.
    ///
    /// # Cancel safety
    /// A dropped future leaves the grant as it is, gone, or being revoked.
    async fn revoke(&self, service: &ServiceName, user: &UserInfo, id: &IntentId) -> Result<(), IssuerError>;
}
