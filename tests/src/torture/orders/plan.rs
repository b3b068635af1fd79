//! The plan that the parent gives to each process of the torture.

use std::path::PathBuf;

use keyway_certificates::Capabilities;
use keyway_conformance::certificates::ScriptedCa;
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
    /// The authority.
    pub kind: Kind,
    /// The directory of the ACME server. The server runs in the parent process, which kills the hosts.
    pub directory: Option<String>,
    /// The deliberate defect.
    pub defect: Option<Defect>,
}

/// The way in which an authority treats calls that were cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A repeated call has only one effect.
    Idempotent,
    /// The authority tells the outcome of a call.
    Reconciles,
    /// The authority only makes checkpoints, which keep a ticket with each order.
    Checkpoints,
    /// `keyway-acme`, with a server that survives the kills.
    Acme,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Idempotent, Self::Reconciles, Self::Checkpoints, Self::Acme];

    /// Returns the capabilities of a scripted authority of this kind. The authority blocks, because its books are
    /// files.
    pub(super) fn capabilities(self) -> Capabilities {
        let capabilities = ScriptedCa::CAPABILITIES.blocking(true).idempotent(false).reconciles(false);
        match self {
            Self::Idempotent => capabilities.idempotent(true),
            Self::Reconciles => capabilities.reconciles(true),
            Self::Checkpoints | Self::Acme => capabilities,
        }
    }
}
