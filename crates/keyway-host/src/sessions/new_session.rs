//! The facts with which a host begins a session.

use keyway_credentials::{Connection, CredentialStoreName, Holder};

/// The facts about a new session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSession {
    /// The facts about the connection, with the session's id. A host uses an id once.
    pub connection: Connection,
    /// The person to whom the session belongs; by default the user's name at the gateway.
    pub holder: Option<Holder>,
    /// The stores that learn of the session's events even if it fetches nothing from them.
    pub stores: Vec<CredentialStoreName>,
    /// Whether the session outlives its host's process, and is [resumed](super::Sessions::resume) after a restart. Such
    /// a session ends only when [`end`](super::Session::end) is called.
    pub is_detached: bool,
}

impl NewSession {
    /// Creates a session of this connection.
    pub fn new(connection: Connection) -> Self {
        let holder = connection.gateway_username.as_deref().and_then(|name| Holder::new(name).ok());
        Self { connection, holder, stores: Vec::new(), is_detached: false }
    }

    /// Sets the person to whom the session belongs.
    #[must_use]
    pub fn held_by(mut self, holder: Holder) -> Self {
        self.holder = Some(holder);
        self
    }

    /// Adds a store that learns of the session's events even if it fetches nothing from it.
    #[must_use]
    pub fn with_store(mut self, store: CredentialStoreName) -> Self {
        self.stores.push(store);
        self
    }

    /// Sets whether the session outlives its host's process.
    #[must_use]
    pub const fn detached(mut self, detached: bool) -> Self {
        self.is_detached = detached;
        self
    }
}
