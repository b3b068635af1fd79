//! Describes requests of users.

use std::fmt;

use keyway_issuers::{Context, IntentId, Login, Parameters, SecretText, UserId, UserInfo};

/// A user who requests or revokes a credential, as the host's login knows the user.
///
/// A [`UserInfo`] converts to one. `Debug` shows no claim and no token.
#[derive(Clone, Debug, PartialEq)]
pub struct Requester {
    pub(super) user: UserId,
    pub(super) user_info: UserInfo,
    pub(super) additional_logins: Vec<Login>,
    pub(super) access_token: Option<SecretText>,
}

impl Requester {
    /// Makes a requester whose id consists of issuer and subject.
    pub fn new(user_info: UserInfo) -> Self {
        let user = user_info.user_id();
        Self { user, user_info, additional_logins: Vec::new(), access_token: None }
    }

    /// Returns the id, under which [`Grants::list`](super::Grants::list) finds the user's grants.
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// Sets the id of the user, if it does not consist of issuer and subject.
    #[must_use]
    pub fn with_user(mut self, user: UserId) -> Self {
        self.user = user;
        self
    }

    /// Adds a further login at the end, which a plugin
    /// [asked for](super::GrantOutcome::LoginRequired).
    #[must_use]
    pub fn with_login(mut self, login: Login) -> Self {
        self.additional_logins.push(login);
        self
    }

    /// Passes the access token of the login on to the plugin.
    #[must_use]
    pub fn with_access_token(mut self, token: impl Into<SecretText>) -> Self {
        self.access_token = Some(token.into());
        self
    }

    /// Makes the plugin's context, still without configuration and intent.
    pub(super) fn context(&self) -> Context {
        let mut context = Context::of(self.user.clone(), self.user_info.clone());
        context.additional_logins.clone_from(&self.additional_logins);
        context.access_token.clone_from(&self.access_token);
        context
    }
}

impl From<UserInfo> for Requester {
    fn from(user_info: UserInfo) -> Self {
        Self::new(user_info)
    }
}

/// A user's request for a credential.
#[derive(Clone, PartialEq)]
pub struct GrantRequest {
    pub(super) requester: Requester,
    pub(super) parameters: Parameters,
    pub(super) id: Option<IntentId>,
}

impl GrantRequest {
    /// Makes a request without parameters.
    pub fn new(requester: impl Into<Requester>) -> Self {
        Self { requester: requester.into(), parameters: Parameters::default(), id: None }
    }

    /// Sets the values that the user entered.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// Names the request. If it is repeated with the same id, the answer is the same grant rather
    /// than a second one, as long as that grant lives. If the first attempt was interrupted, a
    /// plugin that is [idempotent](keyway_issuers::Capabilities::idempotent) is asked again for the
    /// same credential.
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
