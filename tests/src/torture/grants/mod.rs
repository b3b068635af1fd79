//! The torture of grants: the host's engine for issuers, over records on SQLite and external accounts.
//!
//! Several hosts share the records. Their tasks request credentials, revoke them, and repeat requests by their ids. The
//! issuers are of every kind: some reconcile, some are idempotent, some have both properties or neither, one uses the
//! same reference (`state` on the wire) for several credentials, and one is an executable. The issuers fail in every
//! way. They keep their credentials in accounts of their own, which are durable before an issuer answers. The hosts are
//! killed, usually between an effect and its record, and started again while the others continue. Then a check compares
//! records and accounts, recovers, decides the cases that need an operator, and compares again.

mod accounts;
mod cell;
mod check;
mod defect;
mod executable;
mod host;
mod issuer;
mod offer;
mod parent;
mod plan;
mod power;
mod worker;

pub use check::observe;
pub use defect::Defect;
pub use executable::executable;
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
        Role::Write => worker::run(plan).await,
        Role::Recover => check::recover(&plan).await,
        Role::Check => check::run(&plan).await,
    })
}
