//! The request for the credentials of one candidate.

use std::sync::Arc;

use keyway_core::IntentId;

use crate::{Candidate, Connection, Cookie};

/// The session of a call: the facts about its connection, and the data that the store keeps with it.
///
/// A clone is cheap and shares the cookies. Each call may reach a new instance of the store, so a store keeps state
/// between calls only in the cookies and the lease (decision S9).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionContext {
    /// The facts about the connection, with the id of the session.
    pub connection: Arc<Connection>,
    /// The store's own data.
    pub cookie: Cookie,
    /// The data that all stores and plugins of the session share.
    pub session_cookie: Cookie,
}

impl SessionContext {
    /// Creates the context of a call, with empty cookies.
    pub fn new(connection: impl Into<Arc<Connection>>) -> Self {
        Self { connection: connection.into(), cookie: Cookie::default(), session_cookie: Cookie::default() }
    }

    /// Creates the context of a call with the store's own data, and the data that all stores and plugins of the session
    /// share.
    pub const fn with_cookies(connection: Arc<Connection>, cookie: Cookie, session_cookie: Cookie) -> Self {
        Self { connection, cookie, session_cookie }
    }

    /// Sets the store's own data.
    #[must_use]
    pub fn with_cookie(mut self, cookie: Cookie) -> Self {
        self.cookie = cookie;
        self
    }

    /// Sets the data that all stores and plugins of the session share.
    #[must_use]
    pub fn with_session_cookie(mut self, session_cookie: Cookie) -> Self {
        self.session_cookie = session_cookie;
        self
    }
}

/// The kinds of credentials. Each kind has an operation that fetches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CredentialKind {
    /// [`passwords`](crate::CredentialStore::passwords).
    Passwords,
    /// [`private_keys`](crate::CredentialStore::private_keys).
    PrivateKeys,
    /// [`certificates`](crate::CredentialStore::certificates).
    Certificates,
    /// [`totp_codes`](crate::CredentialStore::totp_codes).
    TotpCodes,
    /// [`remote_app_credentials`](crate::CredentialStore::remote_app_credentials).
    RemoteApp,
}

/// The request for the credentials of one candidate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fetch {
    /// The intended check-out, if the store [leases](crate::Capabilities::leases). The host stores the intent before it
    /// calls the store. A repeated call has the same id (decisions R2 and S2).
    pub intent: Option<IntentId>,
    /// The account and the asset.
    pub candidate: Candidate,
    /// The session.
    pub session: SessionContext,
    /// The user's reason for the check-out, if the host asked for one.
    pub reason: Option<String>,
    /// The ticket of the check-out, if the host asked for one.
    pub ticket: Option<String>,
}

impl Fetch {
    /// Creates a request that has no intent, reason or ticket.
    pub const fn new(candidate: Candidate, session: SessionContext) -> Self {
        Self { intent: None, candidate, session, reason: None, ticket: None }
    }

    /// Sets the intended check-out.
    #[must_use]
    pub fn with_intent(mut self, intent: IntentId) -> Self {
        self.intent = Some(intent);
        self
    }

    /// Sets the user's reason.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Sets the ticket.
    #[must_use]
    pub fn with_ticket(mut self, ticket: impl Into<String>) -> Self {
        self.ticket = Some(ticket.into());
        self
    }
}
