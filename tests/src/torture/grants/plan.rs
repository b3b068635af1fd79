//! What a process is to do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Defect;
pub use crate::torture::house::Role;

/// Everything that a process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What it is for.
    pub role: Role,
    /// Where everything lies.
    pub folder: PathBuf,
    /// The program that is an issuer when its first argument is `issuer`.
    pub program: PathBuf,
    /// The seed of its choices.
    pub seed: u64,
    /// Which of the hosts it is.
    pub slot: u32,
    /// How many hosts there are.
    pub hosts: u32,
    /// The round, and how often this host was started in it before; part of all names, so that nothing is
    /// asked for twice by chance.
    pub round: u64,
    /// See [`round`](Self::round).
    pub generation: u64,
    /// The cells of requests of which this host does not know what came of them.
    pub doubts: Vec<String>,
    /// The tasks that it has.
    pub tasks: Tasks,
    /// What it does wrong on purpose.
    pub defect: Option<Defect>,
}

/// How many tasks of each kind a host has, and how much they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tasks {
    /// Those that request and revoke credentials of their own.
    pub own: u32,
    /// Those that request the same as the other hosts at the same time.
    pub sharing: u32,
    /// How many operations each task does; 0 is: until it is killed.
    pub operations: u32,
    /// Whether one of the issuers is an executable.
    pub executable: bool,
}

impl Tasks {
    /// A few of everything.
    pub const ALL: Self = Self { own: 4, sharing: 1, operations: 0, executable: true };
}
