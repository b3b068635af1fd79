//! The torture of sessions: the host's engine for credential stores, over records on SQLite and vaults in folders.
//!
//! Several hosts share the records and the vaults. Their clients begin sessions, fetch credentials from one vault or
//! two, and end the sessions, drop them, or leave them to a later run of the host; operators take leases back. The
//! vaults differ in their treatment of calls that were cut short, or in their leases. All of them lose requests and
//! answers, hang, and sometimes cannot be reached. The hosts are killed, usually between an effect and its record, and
//! started again while the other hosts continue. Some hosts are stopped for longer than their claims last, and then
//! killed. Afterwards a check recovers, decides as an operator would, does all remaining work, and compares the records
//! with the vaults.
//!
//! One vault is the plugin `vaulted`, over a secret store of the hosts: it changes the key of an account in a real
//! `authorized_keys` file each time that the account is checked in. After a check the target must accept the key that
//! the store has.
//!
//! There are no power cuts: the vaults are far away, and their files are not synced.

mod check;
mod defect;
mod host;
mod name;
mod parent;
mod plan;
mod rotating;
mod vaults;
mod worker;

pub use defect::Defect;
pub use parent::run;
pub use plan::Plan;

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
