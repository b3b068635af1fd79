//! Power cuts under a process that writes to secret stores.

use std::path::{Path, PathBuf};

use super::check;
use super::plan::{Plan, Role, Tasks};
use crate::torture::cuts::{self, Cuts, cut_power};
use crate::torture::trace::Trace;
use crate::torture::{Report, TortureError};

/// The options of a run with power cuts.
#[derive(Clone, Debug)]
pub struct CutOptions {
    /// The program, as in [`Options`](crate::torture::Options).
    pub program: PathBuf,
    /// The program strace.
    pub strace: PathBuf,
    /// The tasks of the traced process.
    pub tasks: Tasks,
    /// True if the stores of all tasks are rotated while the tasks work.
    pub rotates: bool,
    /// The power cuts.
    pub cuts: Cuts,
}

/// Traces a process that writes to secret stores, and simulates many power cuts.
///
/// # Errors
/// When tracing is impossible. Faults of the stores are in the report.
pub fn power_cuts(options: &CutOptions) -> Result<Report, TortureError> {
    let system = |source| TortureError::System { action: "make a folder", source };
    let folder = cuts::folder()?;
    // The trace shows the paths that the process opens, so the root must have no symbolic links.
    let root = folder.path().canonicalize().map_err(system)?;
    let rotates = if options.rotates { ["files", "records"].map(String::from).to_vec() } else { Vec::new() };
    let plan = Plan {
        role: Role::Write,
        folder: root.clone(),
        seed: options.cuts.seed,
        slot: 0,
        round: 0,
        oldest_key: 0,
        newest_key: 1,
        rotates,
        tasks: options.tasks,
        defect: None,
    };
    let arguments = ["child".to_owned(), serde_json::to_string(&plan)?];
    let trace = Trace::of(&options.strace, &options.program, &arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .map_err(|source| TortureError::System { action: "start a runtime", source })?;
    let mut look = |left: &Path| {
        let plan = Plan { role: Role::Check, folder: left.to_owned(), ..plan.clone() };
        runtime.block_on(check::observe(&plan))
    };
    cut_power(&trace, &root, options.cuts, &mut look)
}
