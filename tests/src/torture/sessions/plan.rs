//! The plan that the parent gives to each process of the torture.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Defect;
use crate::torture::fixture::Role;

/// The maximum number of hosts of a round, each in a process of its own.
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
    /// The number of this host.
    pub slot: u32,
    /// The number of the round. It is a part of all names, so that no name occurs in two rounds.
    pub round: u64,
    /// The number of earlier starts of this host in the round. It is a part of all names.
    pub generation: u64,
    /// The sessions of earlier runs that outlive their hosts. A host gets its own sessions, and a check gets all.
    pub detached: Vec<String>,
    /// The deliberate defect.
    pub defect: Option<Defect>,
}
