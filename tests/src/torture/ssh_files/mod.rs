//! Power cuts under the files of `keyway-ssh`: after each cut, a file is the complete old one or the complete new one,
//! with its mode and owner.
//!
//! There are four files: a file of keys that others created and wrote to, a file of keys that the issuer creates, the
//! revocation list, and the record beside the list. The record has the number of the list, or the next number.

mod list;
mod look;
mod write;

use std::path::{Path, PathBuf};

pub use look::look;
pub use write::write;

use super::cuts::{self, Cuts, cut_power};
use super::trace::{Event, Trace};
use super::{Report, TortureError};

/// The file of keys that exists already, with lines that others wrote.
const OLD: &str = "authorized_keys";
/// The file of keys that the issuer creates.
const NEW: &str = "fresh_keys";
/// The revocation list.
const LIST: &str = "krl";
/// The record beside the revocation list.
const RECORD: &str = "krl.keyway-record";

/// The lines that others wrote. The last line has no line end.
const FOREIGN: &str = "# of others\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMcyD6tTmBBWiBLmsCaQbYR1OtNKVUQdOdjrP+qXKkVo joe@laptop";
/// The mode of the old file.
const MODE: u32 = 0o640;
/// User and group of the old file, if the torture may give files away.
const OWNER: u32 = 12_345;

/// The requested keys, by their names in the ledger.
const KEYS: [(&str, &str); 2] = [
    ("a", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti"),
    ("b", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINXVO94IjT4ARRTLGGz1VY80pZfBxZjvNXSILMrsQnDX"),
];

/// The options of a run with power cuts.
#[derive(Clone, Debug)]
pub struct CutOptions {
    /// The program that runs [`write()`] when its first argument is `ssh-files`.
    pub program: PathBuf,
    /// The program strace.
    pub strace: PathBuf,
    /// The power cuts.
    pub cuts: Cuts,
    /// The deliberate defect.
    pub defect: Option<DiskDefect>,
}

/// A deliberate defect of a disk, which the torture must detect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskDefect {
    /// The disk claims to sync files, but does not. It does sync folders.
    FilesUnsynced,
    /// The disk loses changes of owner and mode.
    ModesLost,
}

/// Traces a process that changes the files, and simulates many power cuts.
///
/// # Errors
/// When tracing is impossible. Faults of the files are in the report.
pub fn power_cuts(options: &CutOptions) -> Result<Report, TortureError> {
    let system = |source| TortureError::System { action: "make a folder", source };
    let folder = cuts::folder()?;
    // The issuer refuses a path with a link.
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
