//! A cgroup for one helper and its runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A cgroup for one helper. Dropping it kills the processes in it, and removes it.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
}

impl Group {
    /// The prefix of the names of these cgroups.
    const PREFIX: &str = "keyway-run-";
    /// The time limit for killed processes to be gone.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Creates a cgroup below `parent`. Before that, removes the old cgroups that killed hosts left there.
    pub(super) fn make(parent: &Path) -> io::Result<Self> {
        for entry in fs::read_dir(parent)?.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(Self::PREFIX.as_bytes()) {
                Self::remove_if_old(&entry.path());
            }
        }
        let mark: [u8; 8] = keyway_seal::random_bytes().map_err(io::Error::other)?;
        let folder = parent.join(format!("{}{:016x}", Self::PREFIX, u64::from_le_bytes(mark)));
        fs::create_dir(&folder)?;
        let group = Self { folder };
        // Older systems have cgroups that cannot be killed.
        if group.folder.join("cgroup.kill").exists() {
            Ok(group)
        } else {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Kills all processes in the cgroup.
    pub(super) fn kill(&self) {
        let _ = fs::write(self.folder.join("cgroup.kill"), "1");
    }

    /// Removes a cgroup that has been empty for long. A new one is empty only for a short time.
    fn remove_if_old(folder: &Path) {
        let modified = fs::metadata(folder).and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| modified.elapsed().ok()).unwrap_or_default();
        if age > Duration::from_secs(60) {
            // The system refuses to remove a cgroup that has processes.
            let _ = fs::remove_dir(folder);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        let until = Instant::now() + Self::PATIENCE;
        while fs::remove_dir(&self.folder).is_err() && self.folder.exists() && Instant::now() < until {
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}
