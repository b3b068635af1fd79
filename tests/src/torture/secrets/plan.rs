//! What a process is to do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Defect;
pub use crate::torture::house::Role;

/// The most hosts that write in a round, each in a process of its own.
pub(super) const HOSTS: u32 = 3;

/// Everything that a process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What it is for.
    pub role: Role,
    /// Where everything lies.
    pub folder: PathBuf,
    /// The seed of its choices.
    pub seed: u64,
    /// Which of the processes of a round it is. The same secrets are its own in each round.
    pub slot: u32,
    /// The round; part of all that is written, so that nothing is written twice.
    pub round: u64,
    /// The oldest key that a store may still need.
    pub oldest_key: u64,
    /// The newest key. A rotation moves to it.
    pub newest_key: u64,
    /// Rotates these stores to the newest key, one after the other.
    pub rotates: Vec<String>,
    /// The tasks that it has.
    pub tasks: Tasks,
    /// What it does wrong on purpose.
    pub defect: Option<Defect>,
}

/// How many tasks of each kind a writer has, and how much they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tasks {
    /// Those with secrets of their own, on records.
    pub on_records: u32,
    /// Those with secrets of their own, on files.
    pub on_files: u32,
    /// Those that change secrets of all writers.
    pub sharing: u32,
    /// Those that make, rotate and delete stores.
    pub making: u32,
    /// How many operations each task does; 0 is: until it is killed.
    pub operations: u32,
}

impl Tasks {
    /// A few of everything.
    pub const ALL: Self = Self { on_records: 2, on_files: 1, sharing: 2, making: 1, operations: 0 };
}
