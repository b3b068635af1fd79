//! Enters the cgroup of a run, and kills the processes in it.

use std::fs;
use std::path::PathBuf;

use rustix::process::getpid;

/// The cgroup of the helper and of the processes of its run.
#[derive(Debug)]
pub(crate) struct Group(PathBuf);

impl Group {
    /// Enters a cgroup. Returns `None` if that is not possible.
    pub(crate) fn enter(folder: PathBuf) -> Option<Self> {
        fs::write(folder.join("cgroup.procs"), "0").ok()?;
        Some(Self(folder))
    }

    /// Counts the processes in the cgroup, without the helper.
    pub(crate) fn others(&self) -> u32 {
        self.processes().try_fold(0_u32, |count, _| count.checked_add(1)).unwrap_or(u32::MAX)
    }

    /// Kills all processes in the cgroup, including the helper.
    pub(crate) fn kill(&self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
    }

    fn processes(&self) -> impl Iterator<Item = i32> {
        let own = getpid().as_raw_pid();
        let listed = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        let all: Vec<i32> = listed.lines().filter_map(|line| line.parse().ok()).collect();
        all.into_iter().filter(move |process| *process != own)
    }
}
