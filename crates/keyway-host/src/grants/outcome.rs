//! Defines the answers of the engine.

use keyway_core::Timestamp;
use keyway_issuers::{CredentialPart, LoginRequired, ServiceName, UserId};

use super::id::GrantId;
use super::machine::GrantState;
use super::workflow::GrantWorkflow;
use crate::records::Entry;

/// The answer to a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum GrantOutcome {
    /// The credential was made. It is handed out only this once, since no value of it is stored.
    Granted(IssuedCredential),
    /// The user must log in with another provider first. Then make the same request again with that
    /// [login](super::Requester::with_login).
    LoginRequired(LoginRequired),
    /// This request, by its own id, was granted earlier, and its credential was handed out then.
    Repeated(GrantId),
}

/// A credential, handed out once.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedCredential {
    /// The grant, by which the user can revoke it.
    pub grant: GrantId,
    /// The parts of the credential, in the plugin's order.
    pub credential: Vec<CredentialPart>,
    /// Whether the grant is an older one, because the plugin returned its state again.
    ///
    /// See decision W6.
    pub reused: bool,
}

/// The answer to a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revoked {
    /// The plugin destroyed the credential, or found it gone; the grant is forgotten.
    Destroyed,
    /// The user has no such grant, perhaps because it was revoked earlier. An HTTP host may answer
    /// 404.
    NotThere,
    /// The service is gone, and the grant is forgotten without asking its plugin, as the host
    /// [allows](crate::HostBuilder::drop_grants_of_missing_services).
    Dropped,
}

/// A grant as a user or an operator sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The service of the grant.
    pub service: ServiceName,
    /// The owner.
    pub user: UserId,
    /// When it was requested.
    pub made: Timestamp,
    /// Its state.
    pub state: GrantState,
}

impl Grant {
    /// Returns `None` for a record that is gone.
    pub(super) fn of(entry: &Entry<GrantWorkflow>) -> Option<Self> {
        let (owner, state) = (&entry.fixed, entry.state.clone()?);
        let (service, user) = (owner.service.clone(), owner.user.clone());
        Some(Self { id: GrantId::of(entry.address), service, user, made: owner.made, state })
    }
}

/// A page of grants.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GrantPage {
    /// The grants, in a stable order without meaning.
    pub grants: Vec<Grant>,
    /// The start of the next page; `None` after the last one.
    pub next: Option<GrantId>,
}
