//! Defines the state of a session at one credential store.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use keyway_core::{Timestamp, Wiped};
use keyway_credentials::{Candidate, CheckInReason, CredentialKind, Lease};

use super::search::Search;
use crate::records::{NameTag, id_text, read_id};

/// The id of a check-out. It consists of the id of the fetch and the number of the candidate in that fetch. The intents
/// that a plugin gets are derived from it (decision S2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckOutId {
    pub(super) fetch: NameTag,
    pub(super) number: u16,
}

/// The error for a text that is not the id of a check-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the id of a check-out: it has 32 digits of 0-9 and a-f, a dot, and a number")]
pub struct InvalidCheckOutId;

impl fmt::Display for CheckOutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", id_text(&self.fetch), self.number)
    }
}

impl fmt::Debug for CheckOutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckOutId({self})")
    }
}

impl FromStr for CheckOutId {
    type Err = InvalidCheckOutId;

    fn from_str(text: &str) -> Result<Self, InvalidCheckOutId> {
        let read = || {
            let (fetch, number) = text.split_once('.')?;
            Some(Self { fetch: read_id(fetch)?, number: number.parse().ok()? })
        };
        read().filter(|id| id.to_string() == text).ok_or(InvalidCheckOutId)
    }
}

/// The data that plugins keep with a session, as the last call left them. Clones share the texts.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Data {
    /// The cookie of the store, as JSON; `None` for an empty one.
    pub(super) cookie: Option<Arc<Wiped<String>>>,
    /// The session cookie, as JSON; `None` for an empty one.
    pub(super) session_cookie: Option<Arc<Wiped<String>>>,
    /// How many calls the session had made when the data were written. If several parts of a session have data, the
    /// latest data win.
    pub(super) calls: u64,
}

/// Shows no value.
impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data").field("calls", &self.calls).finish_non_exhaustive()
    }
}

/// A call that the host owes a plugin. The host repeats it until it succeeds. For a fetch and for a notice, the number
/// of tries is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    /// The time when the call became due first.
    pub(super) since: Timestamp,
    /// How many times the plugin has failed.
    pub(super) failures: u32,
    /// The time of the next try.
    pub(super) next: Timestamp,
}

impl Owed {
    pub(super) const fn from(now: Timestamp) -> Self {
        Self { since: now, failures: 0, next: now }
    }
}

/// A notice of a session event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The event has not happened.
    NotDue,
    /// The plugin has to be told.
    Owed(Owed),
    /// The plugin was told, or all tries failed.
    Done,
}

/// The stage of a check-out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    /// The session has the credentials. `renew` plans the renewal of the lease; `None` if it is not renewed.
    Held { renew: Option<Owed> },
    /// The lease has to be checked in.
    Returning { reason: CheckInReason, owed: Owed },
    /// The lease is checked in. The record keeps the check-out for the notice of the session's end.
    Returned,
}

/// A check-out of a session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CheckOut {
    pub(super) id: CheckOutId,
    pub(super) candidate: Candidate,
    /// The lease, if the store gives leases.
    pub(super) lease: Option<Lease>,
    /// When the credentials were found.
    pub(super) made: Timestamp,
    /// When the current term of the lease began.
    pub(super) term: Timestamp,
    /// How many times the lease was renewed.
    pub(super) renewals: u32,
    /// Whether a renewal was begun whose outcome is unknown. The renewal may have changed the id of the lease.
    pub(super) is_renewing: bool,
    /// Whether the target accepted the credentials.
    pub(super) is_proven: bool,
    pub(super) stage: Stage,
}

impl CheckOut {
    /// Tells whether the vault counts the lease as held.
    pub(super) fn is_out(&self) -> bool {
        self.lease.is_some() && self.stage != Stage::Returned
    }
}

/// The stage of a fetch that is not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchStage {
    /// Other leases are checked in first. The store was not asked yet.
    Pending,
    /// The store is being asked.
    Asked,
    /// It is unknown whether there is a check-out, and the store can be asked about it.
    Unsettled(Owed),
    /// It is unknown whether there is a check-out, and a person has to find out.
    Undecided,
}

/// The intent of a fetch, stored before the store is asked for the first candidate (decision S2).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OpenFetch {
    pub(super) id: NameTag,
    pub(super) kind: CredentialKind,
    pub(super) search: Search,
    pub(super) reason: Option<String>,
    pub(super) ticket: Option<String>,
    /// The number of the only candidate that is asked for. It is set for a repeated call, which must get the same
    /// credentials as the first call.
    pub(super) only: Option<u16>,
    /// The number of the last candidate that was asked for, if it is known.
    pub(super) last: Option<u16>,
    /// How many candidates are settled: the store was asked which leases it holds for them.
    pub(super) settled: u16,
    pub(super) stage: FetchStage,
}

/// A session at one credential store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SessionState {
    pub(super) data: Data,
    pub(super) check_outs: Vec<CheckOut>,
    pub(super) fetches: Vec<OpenFetch>,
    /// The fetches whose check-outs are forgotten, the latest last. None of these fetches is made again, because the
    /// store would take the intent of the new fetch for that of the earlier fetch.
    pub(super) used: Vec<NameTag>,
    /// How many times the authentication was completed.
    pub(super) authentications: u32,
    pub(super) authenticated: Notice,
    pub(super) ended: Notice,
}

impl Default for SessionState {
    fn default() -> Self {
        Self {
            data: Data::default(),
            check_outs: Vec::new(),
            fetches: Vec::new(),
            used: Vec::new(),
            authentications: 0,
            authenticated: Notice::NotDue,
            ended: Notice::NotDue,
        }
    }
}

impl SessionState {
    /// Counts the check-outs that the session has, or may have.
    pub(super) fn taken(&self) -> usize {
        self.fetches.len() + self.held().count()
    }

    /// Lists the candidates that the vault counts as held, each as often as it is checked out.
    pub(super) fn held(&self) -> impl Iterator<Item = &Candidate> {
        self.check_outs.iter().filter(|out| out.is_out()).map(|out| &out.candidate)
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended != Notice::NotDue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_check_outs_come_back() {
        let id = CheckOutId { fetch: [7; 16], number: 65_535 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for other in
            ["", "07", "07.1", &format!("{}.01", "07".repeat(16)), &format!("{}.65536", "07".repeat(16))]
        {
            assert_eq!(other.parse::<CheckOutId>(), Err(InvalidCheckOutId), "{other:?}");
        }
    }

    #[test]
    fn debug_shows_no_value_of_a_cookie() {
        let data = Data { cookie: Some(Arc::new(Wiped::new(r#"{"a":"n33dle"}"#.into()))), ..Data::default() };
        assert!(!format!("{:?}", SessionState { data, ..SessionState::default() }).contains("n33dle"));
    }
}
