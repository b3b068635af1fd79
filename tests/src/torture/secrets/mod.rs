//! The torture of secret stores: through the host's engine, with records on SQLite and Convection's files.
//!
//! Several processes write at once, each with several tasks. Some tasks change secrets of their own. Some change
//! secrets that all processes share (by compare-and-set if there are versions). Some write two secrets in one commit,
//! and change the settings of the stores. Some create, rotate and delete stores, and some rotate the stores to which
//! the other tasks write. The processes are killed one by one; recovering processes are sometimes killed too. Then a
//! new process recovers and reports the state.

mod batches;
mod check;
mod defect;
mod host;
mod life;
mod parent;
mod plan;
mod power;
mod value;
mod writer;

pub use check::observe;
pub use defect::Defect;
pub use parent::run;
pub use plan::{Plan, Role, Tasks};
pub use power::{CutOptions, power_cuts};

use super::{TortureError, fixture};

/// Runs a process that [`run`] started: `plan` is its last argument.
///
/// # Errors
/// When the plan cannot be read, or no runtime starts.
pub fn child(plan: &str) -> Result<(), TortureError> {
    fixture::child(plan, async |plan: Plan| match plan.role {
        Role::Write => writer::run(plan).await,
        Role::Recover => check::recover(&plan).await,
        Role::Check => check::run(&plan).await,
    })
}
