//! Runs a rule in a second process that the operating system kills at a chosen byte of a file.
//!
//! The system can limit the length of a process's files, and kills the process without warning when it exceeds the
//! limit. So the kit can kill a store at a chosen byte of a write, at the same byte in every run, and then read the
//! files that are left.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::{env, fs};

use tempfile::TempDir;

use super::fixture::StoreFixture;
use crate::scratch::scratch_folder;
use crate::{Broken, child};

/// The environment variable that passes the [`Cut`] to a second run.
const CUT: &str = "KEYWAY_CONFORMANCE_CUT";

/// The maximum number of cuts of a rule, so that the rule ends in time.
const MOST_CUTS: usize = 64;

/// The point at which a run is cut short.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// The number of the write, counted from 0, at which the limit takes effect.
    pub(super) write: usize,
    /// The maximum length of a file, in bytes.
    pub(super) bytes: u64,
}

/// A run in a second process: the folder of its store, and a mark for each write that the store acknowledged.
pub(super) struct KilledRun {
    folder: PathBuf,
    cut: Option<Cut>,
    /// Removes the folder on drop. `None` in the second process, which must not remove it.
    _scratch: Option<TempDir>,
}

impl KilledRun {
    /// Returns the run that this process carries out, or `None` if this is not a second process.
    pub(super) fn of_this_process() -> Option<Self> {
        let cut = env::var(CUT).ok().and_then(|cut| {
            let (write, bytes) = cut.split_once(' ')?;
            Some(Cut { write: write.parse().ok()?, bytes: bytes.parse().ok()? })
        });
        Some(Self { folder: child::note()?.parent()?.to_owned(), cut, _scratch: None })
    }

    /// Runs the rule in a second process, and lets the system kill it at the cut. Blocks.
    pub(super) fn new(fixture: &StoreFixture<'_>, rule: &str, cut: Option<Cut>) -> Result<Self, Broken> {
        let scratch = scratch_folder()?;
        let run = Self { folder: scratch.path().to_owned(), cut, _scratch: Some(scratch) };
        let mut command = child::command(fixture, rule, &run.folder.join("note"))?;
        let mut folders = ["store", "marks", "temporary"].into_iter().map(|name| run.folder.join(name));
        let ended = folders.try_for_each(fs::create_dir).and_then(|()| {
            command
                .envs(cut.map(|Cut { write, bytes }| (CUT, format!("{write} {bytes}"))))
                // Temporary files of the process are in the folder too, so that they are removed with it.
                .env("TMPDIR", run.folder.join("temporary"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
        });
        let ended = ended.map_err(|error| child::failed(error.to_string()))?;
        match run.marks().checked_sub(1) {
            Some(_) => Ok(run),
            None => Err(child::failed(format!("it did not get to its first write, and ended with {ended}"))),
        }
    }

    /// Makes a fixture for the store of this run, with the keys of another fixture.
    pub(super) fn fixture<'a>(&self, of: &StoreFixture<'a>) -> StoreFixture<'a> {
        of.within(self.folder.join("store"))
    }

    /// Limits the length of this process's files if the run must be cut short at this write.
    #[cfg(unix)]
    pub(super) fn begin(&self, write: usize) -> Result<(), Broken> {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let Some(cut) = self.cut.filter(|cut| cut.write == write) else { return Ok(()) };
        let limits = [(Resource::Core, 0), (Resource::Fsize, cut.bytes)];
        let set = limits.into_iter().try_for_each(|(resource, bytes)| {
            setrlimit(resource, Rlimit { current: Some(bytes), ..getrlimit(resource) })
        });
        set.map_err(|error| child::failed(format!("its files cannot be limited: {error}")))
    }

    /// Skips the rule, because this system cannot limit the length of files.
    #[cfg(not(unix))]
    pub(super) fn begin(&self, _: usize) -> Result<(), Broken> {
        Err(Broken::Missing { capability: "a system that limits files" })
    }

    /// Writes a mark. A run writes one mark before its first write, and one after each write. In a run that is not cut
    /// short, a mark contains the file sizes at which another run may cut short the write before the mark.
    pub(super) fn mark(&self, sizes: &BTreeSet<usize>) -> Result<(), Broken> {
        let sizes = if self.cut.is_some() { &BTreeSet::new() } else { sizes };
        let text: Vec<_> = sizes.iter().map(ToString::to_string).collect();
        let mark = self.folder.join("marks").join(self.marks().to_string());
        fs::write(mark, text.join("\n")).map_err(|error| child::failed(error.to_string()))
    }

    fn marks(&self) -> usize {
        fs::read_dir(self.folder.join("marks")).into_iter().flatten().count()
    }

    /// Counts the acknowledged writes.
    pub(super) fn acknowledged(&self) -> usize {
        self.marks().saturating_sub(1)
    }

    /// Lists the points at which runs can be cut short. Needs a run that was not cut short itself.
    pub(super) fn cuts(&self) -> Vec<Cut> {
        let mut cuts = Vec::new();
        for write in 0..self.acknowledged() {
            let mark = self.folder.join("marks").join((write + 1).to_string());
            let sizes = fs::read_to_string(mark).unwrap_or_default();
            cuts.extend(sizes.lines().filter_map(|size| Some(Cut { write, bytes: size.parse().ok()? })));
        }
        let step = cuts.len().div_ceil(MOST_CUTS).max(1);
        cuts.into_iter().step_by(step).collect()
    }
}

/// Lists the file sizes at which a write may be cut short. `before` and `after` are the files before and after the
/// write. For each changed file the sizes are 0, the size at half of the write, and the new size without the last byte.
/// If the file became longer, only the added bytes count as the write.
pub(super) fn sizes_of_cuts(before: &[(Vec<u8>, Vec<u8>)], after: &[(Vec<u8>, Vec<u8>)]) -> BTreeSet<usize> {
    let mut sizes = BTreeSet::new();
    for (name, content) in after {
        let old = before.iter().find(|(of, _)| of == name).map(|(_, content)| content);
        if old != Some(content) {
            let kept = old.map(Vec::len).filter(|length| *length < content.len()).unwrap_or_default();
            sizes.extend([0, kept.midpoint(content.len()), content.len().saturating_sub(1)]);
        }
    }
    sizes
}
