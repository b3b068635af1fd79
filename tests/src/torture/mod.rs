//! Torture: processes that write are killed at random moments, again and again, and their acknowledged writes must be
//! present.
//!
//! The torture checks decision C6.
//!
//! `cargo xtask torture AREA` starts the program `torture`, which runs [`secrets::run`], [`grants::run`],
//! [`orders::run`] or [`sessions::run`] and starts itself again for each process to be killed.
//!
//! * [`mod@line`]: the lines of such a process: operations begun and acknowledged;
//! * [`ledger`]: the model of the states that must or may be found;
//! * [`kill`]: starts processes, reads their lines, kills them;
//! * [`draw`]: random choices that a seed reproduces;
//! * `fixture`: the parent's loop of all areas;
//! * [`trace`] and [`disk`]: a kill does not test the disk, because the system keeps written data. So a trace of a
//!   process shows when data were synced, and the disks that a power cut could have left are simulated from the trace;
//! * [`cuts`]: cuts the power of a traced process, at many moments;
//! * [`samples`]: stores with and without sync, which show that the difference is detected;
//! * [`secrets`]: the first area, secret stores;
//! * [`grants`]: the second area, credentials that issuers make;
//! * [`orders`]: the third area, orders for certificates;
//! * [`sessions`]: the fourth area, sessions that check credentials out;
//! * `hosting`: the functions that the hosts of these areas share;
//! * `ssh_files`: power cuts under the files of `keyway-ssh`.

mod clock;
pub mod cuts;
pub mod disk;
pub mod draw;
mod fixture;
pub mod grants;
mod hosting;
pub mod kill;
mod lazy_storage;
pub mod ledger;
pub mod line;
mod options;
pub mod orders;
pub mod samples;
pub mod secrets;
pub mod sessions;
#[cfg(unix)]
pub mod ssh_files;
pub mod trace;

use std::io;
use std::path::PathBuf;

use ledger::Finding;
pub use options::Options;

/// An error that prevents the torture. Findings are not errors; they are in the [`Report`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TortureError {
    /// A program does not start.
    #[error("{program} does not start")]
    Start {
        /// The program.
        program: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A process has no output to read.
    #[error("{program} has no output to read")]
    NoOutput {
        /// The program.
        program: String,
    },
    /// The system refused something.
    #[error("the system refused to {action}")]
    System {
        /// The attempted action.
        action: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A traced process failed, or made a call that the reader does not know.
    #[error("the trace cannot be used: {0}")]
    Trace(String),
    /// A process got a plan that it cannot read.
    #[error("the plan of a process cannot be read")]
    Plan(#[from] serde_json::Error),
}

/// The result of a torture.
#[derive(Debug, Default)]
pub struct Report {
    /// The number of killed processes.
    pub kills: u64,
    /// The number of checks.
    pub checks: u64,
    /// The number of acknowledged operations.
    pub acknowledged: u64,
    /// The faults.
    pub findings: Vec<Finding>,
    /// The folders that were kept for a look at the faults.
    pub kept: Vec<PathBuf>,
}

impl Report {
    /// Returns the number of acknowledged writes that were lost.
    pub fn lost(&self) -> usize {
        self.findings.iter().filter(|finding| matches!(finding, Finding::Lost(_))).count()
    }

    /// Returns the number of values that could not be read or were never written.
    pub fn corrupt(&self) -> usize {
        self.findings.iter().filter(|finding| matches!(finding, Finding::Corrupt(_))).count()
    }

    /// Returns the number of effects that happened twice.
    pub fn doubled(&self) -> usize {
        self.findings.iter().filter(|finding| matches!(finding, Finding::Doubled(_))).count()
    }

    /// Returns the number of targets that do not accept the key that the store has for them.
    pub fn locked_out(&self) -> usize {
        self.findings.iter().filter(|finding| matches!(finding, Finding::LockedOut(_))).count()
    }

    /// Removes the folders that were kept, because a defect broke them on purpose.
    pub fn remove_kept(&self) {
        for folder in &self.kept {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
