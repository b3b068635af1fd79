//! Power cuts under a host that requests and revokes.

use std::path::{Path, PathBuf};

use super::check;
use super::plan::{Plan, Role, Tasks};
use crate::torture::cuts::{self, Cuts, cut_power};
use crate::torture::trace::{Event, Trace};
use crate::torture::{Report, TortureError};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CutOptions {
    /// As that of [`Options`](super::Options).
    pub program: PathBuf,
    /// The program strace.
    pub strace: PathBuf,
    /// The tasks of the traced host, and how much each does. An executable would be traced, too, and
    /// not be told apart from its host; so there is none.
    pub tasks: Tasks,
    /// Where power is cut.
    pub cuts: Cuts,
    /// Whether the disk says that it synced, and did not: to see that this is noticed.
    pub disk_lies: bool,
}

/// Traces a host that requests and revokes, and cuts its power again and again. The world outside is on
/// the same disk, and durable before anybody answers.
///
/// # Errors
/// When nothing can be traced. What is wrong with the grants is in the report.
pub fn power_cuts(options: &CutOptions) -> Result<Report, TortureError> {
    let system = |source| TortureError::System { action: "make a folder", source };
    let folder = cuts::folder()?;
    // What the process is told is what it opens, and what the trace shows: so no symbolic links.
    let root = folder.path().canonicalize().map_err(system)?;
    let plan = Plan {
        role: Role::Write,
        folder: root.clone(),
        program: options.program.clone(),
        seed: options.cuts.seed,
        slot: 0,
        hosts: 1,
        round: 0,
        generation: 0,
        doubts: Vec::new(),
        tasks: Tasks { executable: false, ..options.tasks },
        defect: None,
    };
    let arguments = ["grants".to_owned(), serde_json::to_string(&plan)?];
    let mut trace = Trace::of(&options.strace, &options.program, &arguments)?;
    if options.disk_lies {
        trace.events.retain(|(_, event)| !matches!(event, Event::Synced { .. }));
    }
    let runtime = super::runtime()?;
    let mut look = |left: &Path| {
        let plan = Plan { role: Role::Check, folder: left.to_owned(), ..plan.clone() };
        runtime.block_on(check::observe(&plan))
    };
    cut_power(&trace, &root, options.cuts, &mut look)
}
