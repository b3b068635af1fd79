//! What the engine answers.

use keyway_core::Timestamp;
use keyway_issuers::{CredentialPart, LoginRequired, ServiceName, UserId};

use super::error::GrantsError;
use super::id::GrantId;
use super::ledger::Entry;
use super::machine::{GrantState, Phase};
use super::record::GrantRecord;

/// What came of a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum GrantOutcome {
    /// There is a credential. This is the only time that anybody sees it: no value of it is
    /// stored.
    Granted(HandedOver),
    /// The plugin needs the user to log in elsewhere first. Make the same request again then,
    /// with the login among the [additional ones](keyway_issuers::Context::additional_logins).
    LoginRequired(LoginRequired),
    /// This request, by its own id, was granted before. Its credential was handed over then.
    Repeated(GrantId),
}

/// A credential, handed over once.
#[derive(Debug)]
#[non_exhaustive]
pub struct HandedOver {
    /// The grant, by which the user can revoke it.
    pub grant: GrantId,
    /// The parts of the credential, in the plugin's order.
    pub credential: Vec<CredentialPart>,
    /// The grant is an old one, because the plugin returned its state again (decision W6).
    pub reused: bool,
}

/// What came of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revoked {
    /// The plugin destroyed the credential, or found it gone; the grant is forgotten.
    Destroyed,
    /// The user has no such grant, perhaps because it was revoked before. A host that speaks
    /// HTTP may answer 404.
    NotThere,
    /// The service is gone, and the grant is forgotten without asking its plugin, because the
    /// host [allows that](super::GrantsBuilder::drop_grants_of_missing_services).
    Dropped,
}

/// A grant as a user or an operator sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The service that it is for.
    pub service: ServiceName,
    /// Whose it is.
    pub user: UserId,
    /// When it was requested.
    pub made: Timestamp,
    /// Where it is in its life.
    pub state: GrantState,
}

impl Grant {
    pub(super) fn of(entry: &Entry, user: UserId) -> Self {
        let GrantRecord { service, made, state } = entry.record.clone();
        Self { id: entry.id, service, user, made, state }
    }
}

/// What became of a grant that a worker took up.
#[derive(Debug)]
#[non_exhaustive]
pub struct Worked {
    /// The grant, as it was found.
    pub grant: Grant,
    /// What it came to.
    pub outcome: WorkOutcome,
}

/// What a worker came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkOutcome {
    /// It is settled: in this phase, or gone when there is none.
    Settled(Option<Phase>),
    /// Somebody else works on it, or did; it is looked at again.
    InOtherHands,
    /// Nobody but a person can settle it: see [`Grants::decide`](super::Grants::decide).
    WaitsForDecision,
    /// It failed, and stays listed.
    Failed(GrantsError),
}
