//! The user that asks for a credential or for its revocation.

use crate::{Login, SecretText, UserId, UserInfo};

/// A user that asks for a credential or for its revocation, as the host's login identified them.
///
/// A [`UserInfo`] converts to a requester. `Debug` shows no claim and no token.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Requester {
    /// The id of the user (WaTTS seed, key `watts_userid`).
    pub user: UserId,
    /// The claims of the login about the user.
    pub user_info: UserInfo,
    /// Further logins of the user, oldest first.
    pub additional_logins: Vec<Login>,
    /// The access token of the login, if the host passes tokens on.
    pub access_token: Option<SecretText>,
}

impl Requester {
    /// Creates a user with an id made of issuer and subject.
    pub fn new(user_info: UserInfo) -> Self {
        Self::of(user_info.user_id(), user_info)
    }

    /// Creates a user whose id is known, without tokens and further logins.
    pub fn of(user: UserId, user_info: UserInfo) -> Self {
        Self { user, user_info, additional_logins: Vec::new(), access_token: None }
    }

    /// Sets the id of the user, for a host whose ids are not made of issuer and subject.
    #[must_use]
    pub fn with_user(mut self, user: UserId) -> Self {
        self.user = user;
        self
    }

    /// Appends a further login that a plugin asked for.
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
}

impl From<UserInfo> for Requester {
    fn from(user_info: UserInfo) -> Self {
        Self::new(user_info)
    }
}
