//! What a store says about itself.

use keyway_core::{PluginMetadata, WrittenBy};

/// A number of things that may have been estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number.
    pub number: u64,
    /// Whether it was counted, and not estimated.
    pub exact: bool,
}

impl Count {
    /// An exact number.
    pub const fn exact(number: u64) -> Self {
        Self { number, exact: true }
    }

    /// A number that was estimated or may have changed while it was counted.
    pub const fn about(number: u64) -> Self {
        Self { number, exact: false }
    }
}

/// The answer of `info` (Convection seed, "Functions / Methods"; decision C12).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreInfo {
    /// The metadata of the running plugin.
    pub plugin: PluginMetadata,
    /// Who wrote the data last; `None` without the capability `tracks_writer`.
    pub written_by: Option<WrittenBy>,
    /// How many secrets the store holds: estimated where counting takes long, and counted by
    /// [`exact_info`](crate::SecretStore::exact_info).
    pub secrets: Count,
    /// How many reads were counted. Counted per handle and flushed in batches: a crash
    /// may lose some.
    pub reads: u64,
    /// How many writes were counted.
    pub writes: u64,
    /// How far a rotation that is under way has come.
    pub rotation: Option<crate::Progress>,
}

impl StoreInfo {
    /// What every store can say.
    pub fn new(plugin: PluginMetadata, written_by: Option<WrittenBy>, secrets: Count) -> Self {
        Self { plugin, written_by, secrets, reads: 0, writes: 0, rotation: None }
    }

    /// Sets the counters.
    #[must_use]
    pub fn with_counters(mut self, reads: u64, writes: u64) -> Self {
        self.reads = reads;
        self.writes = writes;
        self
    }

    /// Sets the progress of a rotation that is under way.
    #[must_use]
    pub fn with_rotation(mut self, rotation: Option<crate::Progress>) -> Self {
        self.rotation = rotation;
        self
    }
}
