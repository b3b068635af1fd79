//! The file in which `ssh` gets a private key.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use keyway_credentials::CredentialError;
use tempfile::TempDir;

/// A key in a file, which has a folder of its own. The folder is removed on drop.
#[derive(Debug)]
pub(super) struct KeyFile(TempDir);

impl KeyFile {
    /// Creates a folder in `parent`, and the file in it. Only the user of this process can read it. Blocks.
    pub(super) fn create(parent: &Path, key: &str) -> Result<Self, CredentialError> {
        let create = || {
            let mut folder = tempfile::Builder::new();
            let folder = folder.prefix("keyway-login-").permissions(Permissions::from_mode(0o700));
            let created = Self(folder.tempdir_in(parent)?);
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(created.path())?;
            file.write_all(key.as_bytes())?;
            Ok(created)
        };
        create().map_err(|source: io::Error| failed("the folder for temporary files", source))
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.path().join("key")
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
        let file = KeyFile::create(parent.path(), "n33dle").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file.path()), mode(file.0.path())), (0o600, 0o700));
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "n33dle");
        drop(file);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
        assert!(KeyFile::create(&parent.path().join("missing"), "x").is_err());
    }
}
