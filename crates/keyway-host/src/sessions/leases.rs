//! Defines the leases of sessions as an operator sees them.

use keyway_core::Timestamp;
use keyway_credentials::{
    Account, Asset, Candidate, CheckInReason, CredentialKind, CredentialStoreName, Holder, Lease, SessionId,
};

use super::search::{Accounts, Assets};
use super::state::{CheckOutId, FetchStage, OpenFetch, Stage};
use super::workflow::{ACCOUNT, ASSET, HOLDER, SessionWorkflow};
use crate::records::{Entry, NameTag, Names};

/// Selects leases for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseQuery {
    /// The leases of an account, at every asset.
    Account(Account),
    /// The leases at an asset.
    Asset(Asset),
    /// The leases of a person.
    Holder(Holder),
}

impl LeaseQuery {
    pub(super) fn names(&self) -> Names<'_> {
        match self {
            Self::Account(account) => Names::of([ACCOUNT, account.as_str().as_bytes()]),
            Self::Asset(asset) => Names::of([ASSET, asset.as_str().as_bytes()]),
            Self::Holder(holder) => Names::of([HOLDER, holder.as_str().as_bytes()]),
        }
    }

    fn asks_for(&self, lease: &OpenLease) -> bool {
        match self {
            Self::Account(account) => lease.candidate.account == *account,
            Self::Asset(asset) => lease.candidate.asset == *asset,
            Self::Holder(holder) => lease.holder.as_ref() == Some(holder),
        }
    }
}

/// A lease that the vault counts as held.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OpenLease {
    /// The session.
    pub session: SessionId,
    /// The credential store.
    pub store: CredentialStoreName,
    /// The check-out.
    pub check_out: CheckOutId,
    /// The account and the asset.
    pub candidate: Candidate,
    /// The lease.
    pub lease: Lease,
    /// The person to whom the session belongs, if the host knows.
    pub holder: Option<Holder>,
    /// The time of the check-out.
    pub since: Timestamp,
    /// Whether the target accepted the credentials.
    pub is_proven: bool,
    /// The check-in, if it is due.
    pub returning: Option<Returning>,
}

/// A check-in that is due, or that failed and is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Returning {
    /// The reason.
    pub reason: CheckInReason,
    /// How many times the store failed.
    pub failures: u32,
    /// The time of the next try.
    pub next: Timestamp,
}

/// The place in a list at which the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageStart(pub(super) NameTag);

/// A page of leases.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeasePage {
    /// The leases, sorted in a stable but arbitrary way.
    pub leases: Vec<OpenLease>,
    /// The start of the next page; `None` after the last one.
    pub next: Option<PageStart>,
}

/// A fetch with an unknown outcome that the host cannot settle. It may have made a check-out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UndecidedFetch {
    /// The session.
    pub session: SessionId,
    /// The credential store.
    pub store: CredentialStoreName,
    /// The person to whom the session belongs, if the host knows.
    pub holder: Option<Holder>,
    /// The kind of credentials.
    pub kind: CredentialKind,
    /// The candidates by the host's rules. Any of them may have been checked out.
    pub candidates: Vec<Candidate>,
    /// The ticket of the fetch.
    pub ticket: Option<String>,
    pub(super) id: NameTag,
}

/// A page of undecided fetches.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UndecidedPage {
    /// The fetches.
    pub fetches: Vec<UndecidedFetch>,
    /// The start of the next page; `None` after the last one.
    pub next: Option<PageStart>,
}

/// A person's decision about a fetch, made after a look at the vault.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Decision {
    /// The vault holds no lease for the fetch.
    NothingThere,
    /// The vault holds this lease for the fetch. The host checks it in.
    Made(Candidate, Lease),
}

/// Lists the leases of a record that match the query.
pub(super) fn leases_of<'a>(
    entry: &'a Entry<SessionWorkflow>,
    query: &'a LeaseQuery,
) -> impl Iterator<Item = OpenLease> + 'a {
    let at = &entry.fixed;
    let outs = entry.state.iter().flat_map(|state| &state.check_outs).filter(|out| out.is_out());
    let leases = outs.filter_map(move |out| {
        let returning = match &out.stage {
            Stage::Returning { reason, owed } => {
                Some(Returning { reason: reason.clone(), failures: owed.failures, next: owed.next })
            }
            Stage::Held { .. } | Stage::Returned => None,
        };
        Some(OpenLease {
            session: at.connection.session_id.clone(),
            store: at.store.clone(),
            check_out: out.id,
            candidate: out.candidate.clone(),
            lease: out.lease.clone()?,
            holder: at.holder.clone(),
            since: out.made,
            is_proven: out.is_proven,
            returning,
        })
    });
    leases.filter(|lease| query.asks_for(lease))
}

/// Lists the undecided fetches of a record.
pub(super) fn undecided_of(entry: &Entry<SessionWorkflow>) -> impl Iterator<Item = UndecidedFetch> + '_ {
    let at = &entry.fixed;
    let fetches = entry.state.iter().flat_map(|state| &state.fetches);
    fetches.filter(|open| open.stage == FetchStage::Undecided).map(|open| UndecidedFetch {
        session: at.connection.session_id.clone(),
        store: at.store.clone(),
        holder: at.holder.clone(),
        kind: open.kind,
        candidates: candidates_of(open),
        ticket: open.ticket.clone(),
        id: open.id,
    })
}

fn candidates_of(open: &OpenFetch) -> Vec<Candidate> {
    let Accounts::Given(Some(account)) = &open.search.accounts else { return Vec::new() };
    let assets = open.search.assets.iter().filter_map(|place| match place {
        Assets::Given(asset) => Some(Candidate::new(account.clone(), asset.clone())),
        Assets::Own(_) => None,
    });
    assets.collect()
}
