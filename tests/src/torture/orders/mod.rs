//! The torture of certificate orders: the host's engine, over records on SQLite and an authority whose books are in a
//! folder.
//!
//! Several hosts share the records and the books. Their tasks place orders, wait for certificates, change, cancel and
//! delete orders, and place some orders twice with the same id. The authority is of one of three kinds: it is
//! idempotent, or it tells the outcome of a call, or it does neither and makes checkpoints. It loses requests and
//! answers, hangs, and sometimes cannot be reached. Hosts are killed while they work and while they recover. Then a
//! check recovers, decides as an operator would, and compares records, certificates, notices and books.
//!
//! A fourth authority is an ACME server for tests, reached by `keyway-acme`. The server runs in the parent process,
//! which kills the hosts, and counts the certificates that it made for each order.
//!
//! There are no power cuts: the books stand for an authority far away.

mod acme;
mod check;
mod defect;
mod host;
mod parent;
mod plan;
mod worker;

pub use defect::Defect;
pub use parent::run;
pub use plan::{Kind, Plan};

use super::TortureError;
use super::fixture::{self, Role};

/// Runs a process that [`run`] started: `plan` is its last argument.
///
/// # Errors
/// When the plan cannot be read, or no runtime starts.
pub fn child(plan: &str) -> Result<(), TortureError> {
    fixture::child(plan, async |plan: Plan| match plan.role {
        Role::Write => worker::run(plan).await,
        Role::Recover => check::recover(&plan).await,
        Role::Check => check::run(&plan).await,
    })
}
