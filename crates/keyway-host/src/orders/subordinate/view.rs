//! Defines subordinate authorities as owners request and see them.

use keyway_certificates::{AuthorityName, CaId, IntentId, Owner};
use keyway_core::Timestamp;

use super::super::hosted_ca::host_id;
use super::machine::State;
use super::workflow::{SubordinateWorkflow, creation};
use crate::records::Entry;

/// A subordinate authority that an owner requests.
#[derive(Clone, Debug)]
pub struct NewCa {
    pub(super) owner: Owner,
    pub(super) parent: CaId,
    pub(super) name: String,
    pub(super) subject_dn: String,
    pub(super) description: Option<String>,
    pub(super) request: Option<String>,
}

impl NewCa {
    /// Creates a request. `parent` is the [host's id](crate::orders::HostedCa::id) of an authority that the owner may
    /// use. The name is unique over all connections. The subject is an RFC 4514 name.
    pub fn new(owner: Owner, parent: CaId, name: impl Into<String>, subject_dn: impl Into<String>) -> Self {
        let (name, subject_dn) = (name.into(), subject_dn.into());
        Self { owner, parent, name, subject_dn, description: None, request: None }
    }

    /// Sets the description for people.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets the caller's own id of the request. A repeated request with this id returns the authority of the first
    /// request, as long as that authority exists. Afterwards a plugin may refuse the id, because an id serves one
    /// authority only.
    #[must_use]
    pub fn with_request_id(mut self, request: impl Into<String>) -> Self {
        self.request = Some(request.into());
        self
    }
}

/// A subordinate authority as its owner or an operator sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SubordinateCa {
    /// The id of the intent to create the authority. The plugin gets this id, too.
    pub intent: IntentId,
    /// The id by which orders name the authority, as [`Orders::cas`](crate::orders::Orders::cas) lists it; `None` while
    /// the authority is not known to exist.
    pub id: Option<CaId>,
    /// The owner. Only the owner sees, uses and deletes the authority (decision B19).
    pub owner: Owner,
    /// The connection.
    pub authority: AuthorityName,
    /// The plugin's own id of the parent authority.
    pub parent: CaId,
    /// The name for people.
    pub name: String,
    /// The subject.
    pub subject_dn: String,
    /// The description for people.
    pub description: Option<String>,
    /// The time of the request.
    pub made: Timestamp,
    /// Its state.
    pub state: State,
}

impl SubordinateCa {
    /// Describes the authority of a record; `None` if the record was deleted.
    pub(super) fn of(entry: &Entry<SubordinateWorkflow>) -> Option<Self> {
        let (state, requested) = (entry.state.clone()?, entry.fixed.clone());
        Some(Self {
            intent: creation(&entry.address.id),
            id: state.ca.as_ref().map(|ca| host_id(&requested.authority, ca)),
            owner: requested.owner,
            authority: requested.authority,
            parent: requested.parent,
            name: requested.name,
            subject_dn: requested.subject_dn,
            description: requested.description,
            made: requested.made,
            state,
        })
    }
}

/// A page of subordinate authorities.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CaPage {
    /// The authorities, sorted in a stable but arbitrary way.
    pub cas: Vec<SubordinateCa>,
    /// The start of the next page; `None` after the last one.
    pub next: Option<IntentId>,
}
