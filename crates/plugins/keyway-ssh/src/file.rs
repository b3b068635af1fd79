//! Reads and changes the files that the issuers share with other programs.

use std::path::PathBuf;
use std::time::Duration;

use keyway_files::{FileError, FilePath, Rights, SharedFile};
use keyway_issuers::IssuerError;
use zeroize::Zeroizing;

/// A file that an issuer shares with other programs. No symbolic link to it is followed.
#[derive(Clone, Debug)]
pub(crate) struct IssuerFile(FilePath);

impl IssuerFile {
    /// The limit of the content, in bytes.
    pub(crate) const MAX_CONTENT_BYTES: usize = 16 * 1024 * 1024;
    /// The time to wait for the lock.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

    pub(crate) const fn new(path: FilePath) -> Self {
        Self(path)
    }

    /// Reads a file that holds a secret. Returns `None` if the file does not exist. Refuses a file that other users may
    /// read or change. Blocks.
    pub(crate) fn read_secret(&self) -> Result<Option<Zeroizing<Vec<u8>>>, IssuerError> {
        self.open(Rights::Private).and_then(|file| file.read_private()).map_err(failed)
    }

    /// Changes the file: see [`SharedFile::change`]. Mode and owner stay the same. A new file has the owner of
    /// the directory, and `new_mode`. Blocks.
    pub(crate) fn change<T>(
        &self,
        new_mode: u32,
        edit: impl FnMut(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T), IssuerError>,
    ) -> Result<T, IssuerError> {
        self.open(Rights::Kept { new_mode })
            .and_then(|file| file.change(Self::PATIENCE, edit))
            .map_err(failed)?
    }

    /// Returns the path, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// Returns the file in the same directory with `suffix` added to its name.
    pub(crate) fn beside(&self, suffix: &str) -> Self {
        let path = FilePath::new(&format!("{}{suffix}", self.0.path().display()));
        Self(path.expect("a path with a longer name is a path"))
    }

    pub(crate) fn open(&self, rights: Rights) -> Result<SharedFile, FileError> {
        SharedFile::open(&self.0, rights, Self::MAX_CONTENT_BYTES)
    }
}

pub(crate) fn failed(error: FileError) -> IssuerError {
    match error {
        FileError::Indeterminate { .. } => IssuerError::system("make its change durable", error),
        FileError::Busy(_) | FileError::Changed(_) => IssuerError::Unavailable {
            what: "a file that another program keeps locked or changes",
            retry_after: Some(Duration::from_secs(1)),
            source: Some(error.into()),
        },
        // In the two cases below, nothing happened. `Unavailable` and the not-ready error promise that.
        error if error.may_pass() => IssuerError::Unavailable {
            what: "a file that the issuer needs",
            retry_after: None,
            source: Some(error.into()),
        },
        error => IssuerError::not_ready("a file that the issuer needs", error.reason()),
    }
}

#[cfg(test)]
mod tests {
    use keyway_core::{Effect, PluginError as _};

    use super::*;

    #[test]
    fn an_error_that_may_leave_an_effect_says_so() {
        let path = || "/f".into();
        let source = || std::io::Error::other("disk full");
        assert!(
            failed(FileError::Indeterminate { path: path(), source: source() }).effect() == Effect::Unknown
        );
        for error in [
            FileError::Busy(path()),
            FileError::NotAFile(path()),
            FileError::Io { what: "read", path: path(), source: source() },
        ] {
            assert!(failed(error).effect() == Effect::None);
        }
    }

    #[test]
    fn only_what_may_pass_by_itself_cannot_be_reached_at_the_moment() {
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let denied = failed(FileError::Io { what: "open", path: "/f".into(), source: denied });
        assert!(!denied.kind().is_retryable());
        assert_eq!(
            denied.detail(),
            "a file that the issuer needs cannot be used: cannot open /f: give the user of this process the \
             right to do it (permission denied)"
        );
        assert!(!denied.user_message().contains("/f"));
        assert!(failed(FileError::Busy("/f".into())).kind().is_retryable());
    }
}
