//! The helper program, which starts programs and ends all their processes.

use std::path::{Path, PathBuf};

/// The helper program `keyway-run`, which starts the programs of a [`Runner`](crate::Runner) and ends all their
/// processes. It needs Linux.
///
/// A runner starts as many helpers as programs run at once, and keeps them until it is dropped. The helpers end when
/// the host ends, even if it is killed.
///
/// ```
/// use keyway_process::Helper;
///
/// let helper = Helper::new("/usr/lib/keyway/keyway-run")?.in_cgroup("/sys/fs/cgroup/system.slice/host.service")?;
/// assert!(Helper::new("keyway-run").is_err(), "a relative path");
/// # Ok::<(), keyway_process::HelperError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    path: PathBuf,
    cgroup: Option<PathBuf>,
}

/// A path that is not absolute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be an absolute path")]
pub struct HelperError {
    what: &'static str,
}

impl Helper {
    /// Names the helper at this path. Does not check that the file exists.
    ///
    /// # Errors
    /// [`HelperError`] for a path that is not absolute.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, HelperError> {
        let path = path.into();
        if path.is_absolute() {
            Ok(Self { path, cgroup: None })
        } else {
            Err(HelperError { what: "the path of the helper" })
        }
    }

    /// Runs every program in a cgroup of its own, below a cgroup v2 in which the host may create cgroups, such
    /// as one that systemd delegated to it (`Delegate=`). If that is not possible, the helper works without a
    /// cgroup.
    ///
    /// # Errors
    /// [`HelperError`] for a path that is not absolute.
    pub fn in_cgroup(mut self, folder: impl Into<PathBuf>) -> Result<Self, HelperError> {
        let folder = folder.into();
        if !folder.is_absolute() {
            return Err(HelperError { what: "the folder of the cgroup" });
        }
        self.cgroup = Some(folder);
        Ok(self)
    }

    /// Returns the path of the helper.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the cgroup below which the runs get their cgroups, if one was set.
    pub fn cgroup(&self) -> Option<&Path> {
        self.cgroup.as_deref()
    }
}
