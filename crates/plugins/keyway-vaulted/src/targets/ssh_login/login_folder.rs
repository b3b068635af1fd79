//! The folder of a login, and the way in which `ssh` gets a private key.

use std::fs::Permissions;
#[cfg(any(test, not(target_os = "linux")))]
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use keyway_credentials::CredentialError;
use keyway_process::Input;
use tempfile::TempDir;

/// A folder for the log of one login, and for its key where the system has no files in memory. It is removed on drop.
#[derive(Debug)]
pub(super) struct LoginFolder(TempDir);

impl LoginFolder {
    /// Creates the folder in `parent`. Only the user of this process can read it. Blocks.
    pub(super) fn create(parent: &Path) -> Result<Self, CredentialError> {
        let mut folder = tempfile::Builder::new();
        let folder = folder.prefix("keyway-login-").permissions(Permissions::from_mode(0o700));
        folder.tempdir_in(parent).map(Self).map_err(|error| failed("the folder for temporary files", error))
    }

    /// Returns the path by which `ssh` finds the key, and the input with which it must be started. The key is in memory
    /// only, so a killed host leaves no file with it.
    #[cfg(target_os = "linux")]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "other systems need a file in the folder"
    )]
    pub(super) fn hand_over(&self, key: &str) -> Result<(PathBuf, Input), CredentialError> {
        // `ssh` closes all descriptors but the three streams.
        Ok(("/proc/self/fd/0".into(), Input::MemoryFile(key.as_bytes().to_vec().into())))
    }

    /// Writes the key to a file. Returns its path, and the input with which `ssh` must be started. Blocks.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn hand_over(&self, key: &str) -> Result<(PathBuf, Input), CredentialError> {
        Ok((self.write_key(key)?, Input::Standard(Vec::new().into())))
    }

    /// Writes the key to a file that only the user of this process can read.
    #[cfg(any(test, not(target_os = "linux")))]
    fn write_key(&self, key: &str) -> Result<PathBuf, CredentialError> {
        use std::os::unix::fs::OpenOptionsExt as _;

        let path = self.0.path().join("key");
        let file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(key.as_bytes()));
        written.map(|()| path).map_err(|error| failed("the folder for temporary files", error))
    }

    /// Returns the path of the log of `ssh`.
    pub(super) fn log(&self) -> PathBuf {
        self.0.path().join("log")
    }

    /// Reads the log. Blocks.
    pub(super) fn read_log(&self, max_bytes: usize) -> Result<String, CredentialError> {
        let log = keyway_files::read(&self.log(), max_bytes);
        let log = log.map_err(|error| failed("the log of ssh", error))?;
        Ok(String::from_utf8_lossy(&log.unwrap_or_default()).into_owned())
    }
}

/// Makes the error for a check without an answer. The target is unchanged.
fn failed(what: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> CredentialError {
    CredentialError::Unavailable { what, retry_after: None, source: Some(source.into()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_its_owner_reads_a_key_and_it_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = LoginFolder::create(parent.path()).unwrap();
        let key = folder.write_key("n33dle").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&key), mode(folder.0.path())), (0o600, 0o700));
        assert_eq!(fs::read_to_string(key).unwrap(), "n33dle");
        drop(folder);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
        assert!(LoginFolder::create(&parent.path().join("missing")).is_err());
    }
}
