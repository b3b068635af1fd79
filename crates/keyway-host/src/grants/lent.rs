//! Implements `HostGrants`, through which plugins of other contracts use the grants of this host.

use keyway_core::{Effect, PluginError as _};
use keyway_issuers::{
    GrantAnswer, GrantQuestion, HostGrants, IntentId, IssuerError, Requester, ServiceName, UserInfo,
    async_trait,
};

use super::engine::Grants;
use super::error::GrantsError;
use super::id::GrantId;
use super::machine::TransitionError;
use super::outcome::GrantOutcome;
use super::request::GrantRequest;

#[async_trait]
impl HostGrants for Grants {
    async fn request(&self, question: GrantQuestion) -> Result<GrantAnswer, IssuerError> {
        let GrantQuestion { service, user, id, parameters, .. } = question;
        let request = GrantRequest::new(user).with_parameters(parameters).with_id(id);
        match Self::request(self, &service, request).await.map_err(GrantsError::into_issuer_error)? {
            GrantOutcome::Granted(issued) => Ok(GrantAnswer::Made(issued.credential)),
            GrantOutcome::Repeated(_) => Ok(GrantAnswer::Repeated),
            GrantOutcome::LoginRequired(_) => Err(IssuerError::refused(
                "This credential needs a login of its own.",
                "a service that asks for another login cannot be used by a plugin",
            )),
        }
    }

    async fn revoke(&self, service: &ServiceName, user: &UserInfo, id: &IntentId) -> Result<(), IssuerError> {
        let requester = Requester::from(user.clone());
        let grant = GrantId::of(self.address_of(&requester.user, service, id));
        match Self::revoke(self, grant, requester).await {
            // The grant is gone, or is being revoked already. If that revocation fails, the host retries it until its
            // attempts are used up.
            Ok(_) | Err(GrantsError::Refused(TransitionError::BeingRevoked)) => Ok(()),
            Err(error) => Err(error.into_issuer_error()),
        }
    }
}

impl GrantsError {
    /// Converts an error for a caller that knows only the contract.
    fn into_issuer_error(self) -> IssuerError {
        match self {
            Self::Issuer(error) | Self::NotRevoked { error, .. } => error,
            Self::Refused(TransitionError::InFlight) => IssuerError::Unavailable {
                what: "a grant that is being worked on",
                retry_after: None,
                source: None,
            },
            error if error.effect() == Effect::Unknown => IssuerError::system("make the credential", error),
            // For example locked storage: a refusal would end the caller's attempts.
            error if error.kind().is_retryable() => IssuerError::Unavailable {
                what: "the service of the host",
                retry_after: error.kind().retry_after(),
                source: Some(error.into()),
            },
            error => IssuerError::refused(error.user_message(), error.detail()),
        }
    }
}

#[cfg(test)]
mod tests {
    use keyway_core::ErrorKind;

    use super::*;
    use crate::records::RecordError;

    /// Tests that a failure that may pass is no refusal, because a refusal ends the caller's attempts.
    #[test]
    fn a_failure_that_may_pass_is_reported_as_one() {
        let wait = Some(std::time::Duration::from_millis(50));
        let locked = keyway_storage::StorageError::Unavailable { retry_after: wait };
        let passing = GrantsError::from(RecordError::from(locked)).into_issuer_error();
        assert_eq!((passing.kind().retry_after(), passing.effect()), (wait, Effect::None), "{passing:?}");
        let unknown = GrantsError::from(TransitionError::NoGrant).into_issuer_error();
        assert_eq!(unknown.kind(), ErrorKind::Denied, "{unknown:?}");
    }
}
