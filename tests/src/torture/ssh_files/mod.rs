//! Power cuts under the files of `keyway-ssh`: after each, a file is the old one or the new one, whole,
//! and with its mode and owner.
//!
//! There are four: a file of keys that others made and wrote to, one that the issuer makes, the list of what is
//! revoked, and the record beside it, which is never behind the list and at most one ahead.

mod list;
mod look;
mod write;

use std::path::{Path, PathBuf};

pub use look::look;
pub use write::write;

use super::cuts::{self, Cuts, cut_power};
use super::trace::{Event, Trace};
use super::{Report, TortureError};

/// The file that is there before, with what others wrote.
const OLD: &str = "authorized_keys";
/// The file of keys that the issuer makes.
const NEW: &str = "fresh_keys";
/// The list of what is revoked.
const LIST: &str = "krl";
/// The record beside it.
const RECORD: &str = "krl.keyway-record";

/// What others wrote. It has no end of its last line.
const FOREIGN: &str = "# of others\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMcyD6tTmBBWiBLmsCaQbYR1OtNKVUQdOdjrP+qXKkVo joe@laptop";
/// The mode of the old file.
const MODE: u32 = 0o640;
/// User and group of the old file, where the torture may give files away.
const OWNER: u32 = 12_345;

/// The keys that are asked for, by what the ledger calls them.
const KEYS: [(&str, &str); 2] = [
    ("a", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti"),
    ("b", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINXVO94IjT4ARRTLGGz1VY80pZfBxZjvNXSILMrsQnDX"),
];

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CutOptions {
    /// The program that runs [`write()`] when its first argument is `ssh-files`.
    pub program: PathBuf,
    /// The program strace.
    pub strace: PathBuf,
    /// Where power is cut.
    pub cuts: Cuts,
    /// What is wrong on purpose.
    pub defect: Option<DiskDefect>,
}

/// What a disk does wrong, to see that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskDefect {
    /// It says that it synced files, and did not; folders it does sync.
    FilesUnsynced,
    /// It loses changes of owner and mode.
    ModesLost,
}

/// Traces a process that changes the files, and cuts its power again and again.
///
/// # Errors
/// When nothing can be traced. What is wrong with the files is in the report.
pub fn power_cuts(options: &CutOptions) -> Result<Report, TortureError> {
    let system = |source| TortureError::System { action: "make a folder", source };
    let folder = cuts::folder()?;
    // A link on the way would be refused.
    let root = folder.path().canonicalize().map_err(system)?;
    let arguments = ["ssh-files".to_owned(), root.display().to_string()];
    let mut trace = Trace::of(&options.strace, &options.program, &arguments)?;
    match options.defect {
        None => {}
        Some(DiskDefect::FilesUnsynced) => lose_syncs_of_files(&mut trace, &root),
        Some(DiskDefect::ModesLost) => {
            trace.events.retain(|(_, event)| !matches!(event, Event::ModeSet(..) | Event::OwnerSet(..)));
        }
    }
    cut_power(&trace, &root, options.cuts, &mut look)
}

fn lose_syncs_of_files(trace: &mut Trace, root: &Path) {
    let mut folders = std::collections::BTreeMap::new();
    trace.events.retain(|(_, event)| match event {
        Event::Opened { descriptor, path, .. } => {
            folders.insert(*descriptor, path == root);
            true
        }
        Event::Synced { descriptor, .. } => folders.get(descriptor) == Some(&true),
        _ => true,
    });
}
