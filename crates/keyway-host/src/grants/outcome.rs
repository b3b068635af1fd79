//! The answers of the engine.

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
    /// The user must log in with another provider first, and then repeat the request with that
    /// [login](super::Requester::with_login).
    LoginRequired(LoginRequired),
    /// A request with this id was granted earlier, and the credential was handed out then.
    Repeated(GrantId),
}

/// A credential. It is handed out only once.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedCredential {
    /// The id of the grant. The user can revoke the credential by it.
    pub grant: GrantId,
    /// The parts of the credential, in the plugin's order.
    pub credential: Vec<CredentialPart>,
    /// Whether the plugin returned the reference of an older grant. If so, `grant` is the older grant.
    ///
    /// See decision W6.
    pub reused: bool,
}

/// The answer to a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revoked {
    /// The plugin destroyed the credential, or found it gone. The grant is removed.
    Destroyed,
    /// The user has no such grant, perhaps because it was revoked earlier. An HTTP host may answer
    /// 404.
    NotThere,
    /// The service is gone. The grant was removed without a call of the plugin, as the host
    /// [allows](crate::HostBuilder::drop_grants_of_missing_services).
    Dropped,
}

/// A grant as a user or an operator sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Grant {
    /// The id of the grant.
    pub id: GrantId,
    /// The service of the grant.
    pub service: ServiceName,
    /// The user who owns the grant.
    pub user: UserId,
    /// The time of the request.
    pub made: Timestamp,
    /// The state of the grant.
    pub state: GrantState,
}

impl Grant {
    /// Returns the grant of a record, or `None` if the record is gone.
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
    /// The grants. Their order is stable, but has no meaning.
    pub grants: Vec<Grant>,
    /// The start of the next page, or `None` if there is no next page.
    pub next: Option<GrantId>,
}
