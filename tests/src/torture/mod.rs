//! Torture: processes that write are killed at random moments, again and again, and what they
//! had acknowledged must be there (decision C6).
//!
//! `cargo xtask torture AREA` starts the program `torture`, which runs [`secrets::run`] or [`grants::run`]
//! and starts itself again for each process that is to be killed.
//!
//! * [`mod@line`]: what such a process says: what it is about to do, and what is acknowledged;
//! * [`ledger`]: the model, which knows what must be there and what may be;
//! * [`kill`]: starting processes, listening to them, killing them;
//! * [`draw`]: random choices that a seed repeats;
//! * `house`: what the parents of all areas do alike;
//! * [`trace`] and [`disk`]: a kill does not test the disk, because the system keeps what was written.
//!   So a traced run shows what was synced when, and the disks that a power cut could have left are
//!   made from it;
//! * [`cuts`]: cuts the power of a traced process, at many moments;
//! * [`samples`]: stores that sync and stores that do not, to see that the difference is noticed;
//! * [`secrets`]: the first area, secret stores;
//! * [`grants`]: the second area, credentials that issuers make;
//! * `ssh_files`: power cuts under the files of `keyway-ssh`.

mod clock;
pub mod cuts;
pub mod disk;
pub mod draw;
pub mod grants;
mod house;
pub mod kill;
mod lazy_storage;
pub mod ledger;
pub mod line;
pub mod samples;
pub mod secrets;
#[cfg(unix)]
pub mod ssh_files;
pub mod trace;

use std::io;
use std::path::PathBuf;

use ledger::Finding;

/// Why a torture could not be carried out. What it finds is no error, but in the [`Report`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TortureError {
    /// A program does not start.
    #[error("{program} does not start")]
    Start {
        /// Which program.
        program: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A process has no output to listen to.
    #[error("{program} has no output to listen to")]
    NoOutput {
        /// Which program.
        program: String,
    },
    /// The system refused something.
    #[error("the system does not let us {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A traced process failed, or did what is not understood.
    #[error("the trace is of no use: {0}")]
    Trace(String),
    /// A process got a plan that it does not understand.
    #[error("the plan of a process cannot be read")]
    Plan(#[from] serde_json::Error),
}

/// What a torture came to.
#[derive(Debug, Default)]
pub struct Report {
    /// How many processes were killed.
    pub kills: u64,
    /// How often everything was checked.
    pub checks: u64,
    /// How many operations were acknowledged.
    pub acknowledged: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Where what is wrong was kept for a look at it.
    pub kept: Vec<PathBuf>,
}

impl Report {
    /// How many acknowledged writes were lost.
    pub fn lost(&self) -> usize {
        self.findings.iter().filter(|finding| matches!(finding, Finding::Lost(_))).count()
    }

    /// How much could not be read or was never written.
    pub fn corrupt(&self) -> usize {
        self.findings.iter().filter(|finding| matches!(finding, Finding::Corrupt(_))).count()
    }

    /// How much happened twice.
    pub fn doubled(&self) -> usize {
        self.findings.iter().filter(|finding| matches!(finding, Finding::Doubled(_))).count()
    }
}
