//! The plan that the parent gives to each process of the torture.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Defect;
pub use crate::torture::fixture::Role;

/// The instructions for a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The role of the process.
    pub role: Role,
    /// The folder of all files.
    pub folder: PathBuf,
    /// The program that runs as an issuer if its first argument is `issuer`.
    pub program: PathBuf,
    /// The seed of the choices.
    pub seed: u64,
    /// The number of this host.
    pub slot: u32,
    /// The number of hosts.
    pub hosts: u32,
    /// The number of the round. It is a part of all names, so that no name occurs in two rounds.
    pub round: u64,
    /// The number of earlier starts of this host in the round. It is a part of all names.
    pub generation: u64,
    /// The cells of requests whose outcome this host does not know.
    pub unresolved: Vec<String>,
    /// The cells of grants whose revocation this host has acknowledged in earlier runs of the round.
    pub revoked: Vec<String>,
    /// The tasks of the process.
    pub tasks: Tasks,
    /// The deliberate defect.
    pub defect: Option<Defect>,
}

impl Plan {
    /// Makes the plan of a host that works alone in a new folder, without a defect.
    pub fn alone(folder: &Path, program: &Path, seed: u64, tasks: Tasks) -> Self {
        Self {
            role: Role::Write,
            folder: folder.to_owned(),
            program: program.to_owned(),
            seed,
            slot: 0,
            hosts: 1,
            round: 0,
            generation: 0,
            unresolved: Vec::new(),
            revoked: Vec::new(),
            tasks,
            defect: None,
        }
    }
}

/// The number of tasks of each kind, and of their operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tasks {
    /// The tasks with credentials of their own.
    pub own: u32,
    /// The tasks that make the same requests as the tasks of other hosts, at the same time.
    pub sharing: u32,
    /// The number of operations of each task; with 0, a task works until it is killed.
    pub operations: u32,
    /// True if one of the issuers is an executable.
    pub executable: bool,
}

impl Tasks {
    /// A few tasks of each kind.
    pub const ALL: Self = Self { own: 4, sharing: 1, operations: 0, executable: true };
}
