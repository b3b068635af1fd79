//! Describes a store as a whole.

use keyway_core::{PluginMetadata, WrittenBy};

/// A number that may be an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number.
    pub number: u64,
    /// Whether the number was counted rather than estimated.
    pub exact: bool,
}

impl Count {
    /// Makes an exact number.
    pub const fn exact(number: u64) -> Self {
        Self { number, exact: true }
    }

    /// Makes a number that was estimated, or that may have changed during the count.
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
    /// The writer of the data; `None` without the capability `tracks_writer`.
    pub written_by: Option<WrittenBy>,
    /// The number of secrets. It is an estimate if counting takes long; [`exact_info`](crate::SecretStore::exact_info)
    /// always counts.
    pub secrets: Count,
    /// The number of counted reads. A handle stores its count from time to time, so a crash may lose some reads.
    pub reads: u64,
    /// The number of counted writes.
    pub writes: u64,
    /// The progress of a rotation that is under way. It is an estimate if `secrets` is one.
    pub rotation: Option<crate::Progress>,
}

impl StoreInfo {
    /// Makes an answer from the parts that every store has.
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
