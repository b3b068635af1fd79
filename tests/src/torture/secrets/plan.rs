//! The plan that the parent gives to each process of the torture.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Defect;
pub use crate::torture::fixture::Role;

/// The maximum number of hosts that write in a round, each in a process of its own.
pub(super) const HOSTS: u32 = 3;

/// The instructions for a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The role of the process.
    pub role: Role,
    /// The folder of all files.
    pub folder: PathBuf,
    /// The seed of the choices.
    pub seed: u64,
    /// The number of the process in its round. A process with the same number owns the same secrets in each round.
    pub slot: u32,
    /// The number of the round. It is a part of all values, so that no value is written twice.
    pub round: u64,
    /// The oldest key that a store may still need.
    pub oldest_key: u64,
    /// The newest key, to which a rotation moves a store.
    pub newest_key: u64,
    /// The stores to rotate to the newest key, one after the other.
    pub rotates: Vec<String>,
    /// The tasks of the process.
    pub tasks: Tasks,
    /// The deliberate defect.
    pub defect: Option<Defect>,
}

/// The number of tasks of each kind, and of their operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tasks {
    /// The number of tasks that change secrets of their own in the store on records.
    pub on_records: u32,
    /// The number of tasks that change secrets of their own in the store on files.
    pub on_files: u32,
    /// The number of tasks that change the secrets which all writers share.
    pub sharing: u32,
    /// The number of tasks that write two secrets of their own at once, and change the settings. They alternate
    /// between the stores, and the first one writes to the store on records.
    pub batches: u32,
    /// The number of tasks that create, rotate and delete stores.
    pub making: u32,
    /// The number of operations of each task; with 0, a task works until it is killed.
    pub operations: u32,
}

impl Tasks {
    /// A few tasks of each kind.
    pub const ALL: Self =
        Self { on_records: 2, on_files: 1, sharing: 2, batches: 2, making: 1, operations: 0 };
}
