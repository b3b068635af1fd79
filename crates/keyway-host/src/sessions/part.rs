//! Holds the progress of a session at one store: its record, and what the handle knows beside the record.

use keyway_credentials::{Candidate, CredentialStoreName, MAX_CHECK_OUTS};

use super::asking::Answer;
use super::engine::Sessions;
use super::error::SessionsError;
use super::live::Live;
use super::machine::{Event, What};
use super::record::SessionAtStore;
use super::state::{CheckOut, SessionState};
use super::workflow::SessionWorkflow;
use crate::records::{Address, Entry, Journal, RecordError};
use crate::work::Submitted;

/// The session at one store.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) at: SessionAtStore,
    pub(super) live: Live,
    pub(super) entry: Option<Box<Entry<SessionWorkflow>>>,
    /// The credentials that were read without a lease, and that no notice to the store has listed yet. They are listed
    /// in the next notice that the authentication was completed or that the session ended, unless a later fetch
    /// replaces them first.
    pub(super) read: Vec<CheckOut>,
    /// Whether the session had a record at the store. If the record is gone, another handle ended the session.
    pub(super) has_record: bool,
    /// Whether a call may have stored a record. The call may have failed, or its future may have been dropped.
    pub(super) may_have_record: bool,
    /// Whether the end of the session is recorded.
    pub(super) has_ended: bool,
}

impl Part {
    pub(super) fn new(at: SessionAtStore, live: Live) -> Self {
        Self {
            at,
            live,
            entry: None,
            read: Vec::new(),
            has_record: false,
            may_have_record: false,
            has_ended: false,
        }
    }

    fn state(&self) -> Option<&SessionState> {
        self.entry.as_ref().and_then(|entry| entry.state.as_ref())
    }

    /// Tells whether the session has the account at the asset checked out.
    pub(super) fn holds(&self, candidate: &Candidate) -> bool {
        self.state().is_some_and(|state| state.held().any(|held| held == candidate))
    }

    /// Tells whether the session has as many check-outs as it may.
    pub(super) fn is_full(&self) -> bool {
        self.state().is_some_and(|state| state.taken() >= MAX_CHECK_OUTS)
    }

    /// Applies an event and makes the calls of the store that follow from it. Returns the store's answer and failures.
    pub(super) async fn submit(
        &mut self,
        sessions: &Sessions,
        what: What,
    ) -> Result<(Option<Answer>, Vec<SessionsError>), SessionsError> {
        let worker = &sessions.worker;
        let entry = match self.entry.take() {
            Some(entry) => entry,
            None => entry(&worker.journal, &self.at).await?,
        };
        self.may_have_record = true;
        let event = worker.workflow.event(&self.at.store, worker.clock.now(), what);
        let event = Event { continues: self.has_record, ..event };
        let Submitted { entry, answer, failures, .. } = worker.submit(entry, event, Some(&self.live)).await?;
        self.has_record |= entry.state.is_some();
        self.entry = Some(entry);
        Ok((answer, failures))
    }
}

/// Returns the address of the record of a session at a store.
pub(super) fn address(
    journal: &Journal<SessionWorkflow>,
    session: &str,
    store: &CredentialStoreName,
) -> Address {
    let id = journal.id_of(&[session.as_bytes(), store.as_str().as_bytes()]);
    Address { scope: journal.scope(&[session.as_bytes()]), id }
}

/// Reads the record of a session at a store, or prepares a new one.
pub(super) async fn entry(
    journal: &Journal<SessionWorkflow>,
    at: &SessionAtStore,
) -> Result<Box<Entry<SessionWorkflow>>, RecordError> {
    let address = address(journal, at.connection.session_id.as_str(), &at.store);
    let known = journal.load(address).await?;
    Ok(known.unwrap_or_else(|| Box::new(Entry::new(address, at.clone()))))
}
