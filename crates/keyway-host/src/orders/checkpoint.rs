//! Stores the data that a plugin saves during a call.

use std::fmt;
use std::sync::Arc;

use keyway_certificates::{CertificateError, Checkpoint, Json, JsonObject, async_trait};

use super::machine::{Event, step};
use super::workflow::OrderWorkflow;
use crate::records::{ATTEMPTS, Address, Applied, Change, Claim, Journal, RecordError};
use crate::work::{Limits, Standing};

/// A plugin's means to save, during a call, the data that it keeps with an order. It saves only as long as the worker's
/// claim on the order lasts (decision B9).
pub(super) struct Saver {
    pub(super) journal: Arc<Journal<OrderWorkflow>>,
    pub(super) address: Address,
    pub(super) claim: Option<Claim>,
    pub(super) limits: Limits,
}

impl Saver {
    async fn store(&self, values: &JsonObject) -> Result<bool, RecordError> {
        let plugin_meta = Json::Object(values.clone()).to_ascii();
        let mut turn = self.journal.turn();
        for _ in 0..ATTEMPTS {
            turn.wait_at(self.address).await;
            let Some(mut entry) = self.journal.load(self.address).await? else { return Ok(false) };
            let is_ours = self.claim.as_ref().is_some_and(|claim| claim.is_same(entry.claim.as_ref()));
            let standing = if is_ours { Standing::Ours } else { Standing::Others };
            let event = Event::Checkpoint { plugin_meta: plugin_meta.clone() };
            let Ok(next) = step(&self.limits, entry.state.as_ref(), standing, event) else {
                return Ok(false);
            };
            let change = Change { claim: entry.claim.clone(), ..Change::to(next.state) };
            if let Applied::Stored = self.journal.apply(&mut entry, change).await? {
                return Ok(true);
            }
            turn.lost_at(self.address).await;
        }
        Err(RecordError::Contended)
    }
}

#[async_trait]
impl Checkpoint for Saver {
    async fn save(&self, values: &JsonObject) -> Result<(), CertificateError> {
        match self.store(values).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(CertificateError::refused(
                "The order was taken over. Please try again later.",
                "a checkpoint came after another worker took over the order",
            )),
            Err(error) => Err(CertificateError::system("save the data that the plugin keeps", error)),
        }
    }
}

impl fmt::Debug for Saver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saver").finish_non_exhaustive()
    }
}
