//! Ends the sessions whose last handle was dropped.

use std::sync::Arc;
use std::time::Duration;

use keyway_core::PluginError;
use tracing::warn;

use super::error::SessionsError;
use super::machine::What;
use super::part::{Part, entry};
use super::record::SessionAtStore;
use super::state::CheckOut;
use super::workflow::SessionWorkflow;
use crate::records::RecordError;
use crate::work::{Failed, FailedBecause, Worker};

/// The wait after the first failure to store the end of a session. It doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A session without a handle, at one store.
pub(super) struct Dropped {
    at: SessionAtStore,
    read: Vec<CheckOut>,
    may_have_record: bool,
}

impl From<Part> for Dropped {
    fn from(Part { at, read, may_have_record, .. }: Part) -> Self {
        Self { at, read, may_have_record }
    }
}

/// Ends a session at a store. If the end cannot be stored, it is tried again, so that the leases do not stay open until
/// the next start of the host.
///
/// It is not tried again if the session has no record there: then the session holds nothing, and a storage engine that
/// fails for long must not fill the memory with sessions. Nor is it if the host is gone or was ended, since its next
/// start ends the sessions that have records.
pub(super) async fn end_dropped(worker: Arc<Worker<SessionWorkflow>>, mut dropped: Dropped) {
    let (host, mut worker, mut wait) = (Arc::downgrade(&worker), Some(worker), FIRST_WAIT);
    while let Some(living) = worker {
        let Err(error) = dropped.end(&living).await else { return };
        drop(living);
        let is_over = matches!(error, RecordError::Superseded | RecordError::Ended);
        let is_repeated = dropped.may_have_record && !is_over;
        if wait == FIRST_WAIT || !is_repeated {
            let SessionAtStore { store, connection, .. } = &dropped.at;
            warn!(%store, session = %connection.session_id, error = %error.detail(), is_repeated, "the end of a session without a handle could not be stored");
        }
        if !is_repeated {
            return;
        }
        tokio::time::sleep(wait).await;
        (wait, worker) = ((wait * 2).min(LONGEST_WAIT), host.upgrade());
    }
}

impl Dropped {
    /// Ends the session at the store. Fails if the end cannot be stored.
    async fn end(&mut self, worker: &Worker<SessionWorkflow>) -> Result<(), RecordError> {
        let entry = entry(&worker.journal, &self.at).await?;
        self.may_have_record = entry.state.is_some();
        let what = What::End { read: self.read.clone(), recovers: self.at.host.is_some() };
        let event = worker.workflow.event(&self.at.store, worker.clock.now(), what);
        match worker.submit(entry, event, None).await {
            Err(Failed { because: FailedBecause::Storage(error), .. }) => Err(error),
            Err(failed) => {
                let error = SessionsError::from(failed);
                warn!(store = %self.at.store, session = %self.at.connection.session_id, error = %error.detail(), "a session without a handle was not ended");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}
