//! Reports on the work of a worker.

use keyway_core::PluginError;

/// A report on a record that a worker worked on.
#[derive(Debug)]
#[non_exhaustive]
pub struct WorkReport {
    /// The engine: `stores`, `orders`, `subordinate authorities`, `sessions` or `grants`.
    pub engine: &'static str,
    /// The plugin of a store, or the name of a connection or service.
    pub lane: String,
    /// The id of the record, as the engine prints it.
    pub record: String,
    /// The outcome.
    pub outcome: WorkOutcome,
}

/// The outcome of a worker's attempt.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkOutcome {
    /// The record is settled and stays.
    Settled,
    /// The record is settled and removed.
    Gone,
    /// Another host or another call works on the record; a worker will check it again.
    LeasedElsewhere,
    /// Only a person can settle the record.
    NeedsDecision,
    /// The attempt failed. The record stays listed, and is tried again when it is due.
    Failed(Box<dyn PluginError>),
}
