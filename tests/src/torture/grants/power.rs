//! Power cuts under a host that requests and revokes.

use std::path::{Path, PathBuf};

use super::check;
use super::plan::{Plan, Role, Tasks};
use crate::torture::cuts::{self, Cuts, cut_power};
use crate::torture::fixture::runtime;
use crate::torture::trace::{Event, Trace};
use crate::torture::{Report, TortureError};

/// The options of a run with power cuts.
#[derive(Clone, Debug)]
pub struct CutOptions {
    /// The program, as in [`Options`](crate::torture::Options).
    pub program: PathBuf,
    /// The program strace.
    pub strace: PathBuf,
    /// The tasks of the traced host. No issuer is an executable, because strace would trace it too, and could not tell
    /// it from the host.
    pub tasks: Tasks,
    /// The power cuts.
    pub cuts: Cuts,
    /// True if the disk only claims to sync, which the torture must detect.
    pub disk_lies: bool,
}

/// Traces a host that requests and revokes, and simulates many power cuts.
///
/// The accounts are on the same disk, and durable before an issuer answers.
///
/// # Errors
/// When tracing is impossible. Faults of the grants are in the report.
pub fn power_cuts(options: &CutOptions) -> Result<Report, TortureError> {
    let system = |source| TortureError::System { action: "make a folder", source };
    let folder = cuts::folder()?;
    // The trace shows the paths that the process opens, so the root must have no symbolic links.
    let root = folder.path().canonicalize().map_err(system)?;
    let tasks = Tasks { executable: false, ..options.tasks };
    let plan = Plan::alone(&root, &options.program, options.cuts.seed, tasks);
    let arguments = ["grants".to_owned(), serde_json::to_string(&plan)?];
    let mut trace = Trace::of(&options.strace, &options.program, &arguments)?;
    if options.disk_lies {
        trace.events.retain(|(_, event)| !matches!(event, Event::Synced { .. }));
    }
    let runtime = runtime()?;
    let mut look = |left: &Path| {
        let plan = Plan { role: Role::Check, folder: left.to_owned(), ..plan.clone() };
        runtime.block_on(check::observe(&plan))
    };
    cut_power(&trace, &root, options.cuts, &mut look)
}
