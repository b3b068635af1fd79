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
    /// Creates a request. The parent is one of the authorities that the owner may use, by the
    /// [host's id](crate::orders::HostedCa::id); the name is unique over all connections; the subject is a name of
    /// RFC 4514.
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

    /// Sets the caller's own id of the request: making it again finds the authority of the first time, as long as it
    /// is there. Afterwards a plugin may refuse the id, because it serves one authority.
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
    /// The id of its creation, by which the plugin knows it too.
    pub intent: IntentId,
    /// The id by which orders name it, as [`Orders::cas`](crate::orders::Orders::cas) lists it; `None` while it is
    /// not known to exist.
    pub id: Option<CaId>,
    /// Its owner, which alone sees it, uses it and deletes it (decision B19).
    pub owner: Owner,
    /// The connection.
    pub authority: AuthorityName,
    /// The authority above it, by the plugin's own id.
    pub parent: CaId,
    /// The name for people.
    pub name: String,
    /// The subject.
    pub subject_dn: String,
    /// The description for people.
    pub description: Option<String>,
    /// When it was requested.
    pub made: Timestamp,
    /// Its state.
    pub state: State,
}

impl SubordinateCa {
    /// Returns `None` for a record that is gone.
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
    /// The authorities, in a stable order without meaning.
    pub cas: Vec<SubordinateCa>,
    /// The start of the next page; `None` after the last one.
    pub next: Option<IntentId>,
}
