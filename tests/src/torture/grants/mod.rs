//! The torture of grants: the host's engine for issuers, over records on SQLite and a world outside.
//!
//! Several hosts share the records. Their tasks request credentials, revoke them, and make requests
//! again by their ids; their issuers are of every kind (those that can tell what became of an intent, those that
//! make one credential for it however often they are asked, both, neither, one whose states repeat, an
//! executable) and fail in every way. What they make is in a world of its own, durable before
//! they answer. The hosts are killed, mostly between an effect and its record, and
//! started again while the others go on. Then somebody compares records and world,
//! recovers, decides what nobody else can, and compares again.

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
mod world;

pub use check::observe;
pub use defect::Defect;
pub use executable::executable;
pub use parent::{Options, run};
pub use plan::{Plan, Role, Tasks};
pub use power::{CutOptions, power_cuts};

use super::TortureError;

/// What a process does that [`run`] started: `plan` is its last argument.
///
/// # Errors
/// When the plan cannot be read, or the process has no runtime.
pub fn child(plan: &str) -> Result<(), TortureError> {
    let plan: Plan = serde_json::from_str(plan)?;
    runtime()?.block_on(async {
        match plan.role {
            Role::Write => worker::run(plan).await,
            Role::Recover => check::recover(&plan).await,
            Role::Check => check::run(&plan).await,
        }
    });
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime, TortureError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .map_err(|source| TortureError::System { action: "start a runtime", source })
}
