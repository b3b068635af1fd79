//! The host that the processes run: the real engine over one SQLite file.

use std::sync::Arc;
use std::time::Duration;

use keyway_core::PluginError as _;
use keyway_host::sessions::{Limits, Sessions};
use keyway_storage::Storage;

use super::Defect;
use super::plan::Plan;
use super::rotating;
use super::vaults::VAULTS;
use crate::torture::draw::Draw;
use crate::torture::hosting;

/// A host of a process.
pub(super) struct Host {
    pub(super) engines: keyway_host::Host,
    pub(super) sessions: Sessions,
}

/// Opens the storage engine that all hosts of a process share.
pub(super) async fn storage(plan: &Plan) -> Result<Arc<dyn Storage>, String> {
    let is_lazy = plan.defect == Some(Defect::AcknowledgesBeforeWriting);
    hosting::storage(&plan.folder, plan.slot, is_lazy).await
}

impl Host {
    /// Starts the host of this slot. At most one run of this host may exist.
    pub(super) async fn start(plan: &Plan, slot: u32, storage: &Arc<dyn Storage>) -> Result<Self, String> {
        // The claim is so short that one host can see another host's claim expire.
        let limits = Limits::default()
            .with_deadline(Duration::from_millis(250))
            .with_lease_grace(Duration::from_millis(50))
            .with_retries(hosting::often(4));
        let registry = rotating::PLUGINS.registry().map_err(|faults| faults.to_string())?;
        let draw = Draw::new(plan.seed).fork(u64::from(slot));
        let mut builder = hosting::builder(registry, storage, hosting::keys()?, slot, draw.fork(1))
            .session_limits(limits)
            .resources(rotating::lent(plan, draw.fork(50))?);
        for (vault, number) in VAULTS.iter().zip(2..) {
            builder = builder.vault(vault.connect(plan, draw.fork(number)));
        }
        let engines = builder.start().await.map_err(|error| error.detail())?;
        rotating::set_up(plan, &engines).await?;
        let sessions = engines.sessions().clone();
        Ok(Self { engines, sessions })
    }

    /// Resumes interrupted work.
    pub(super) async fn recover(&self) -> Result<(), String> {
        self.engines.recover().await.map(drop).map_err(|error| error.detail())
    }
}
