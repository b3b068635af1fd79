//! The files that the issuers read and change.

use std::path::PathBuf;
use std::time::Duration;

use keyway_files::{FileError, FilePath, Rights, SharedFile};
use keyway_issuers::IssuerError;
use zeroize::Zeroizing;

/// A file of another program's, reached without links.
#[derive(Clone, Debug)]
pub(crate) struct IssuerFile(FilePath);

impl IssuerFile {
    /// The longest file that is read.
    pub(crate) const MAX_CONTENT_BYTES: usize = 16 * 1024 * 1024;
    /// How long others are waited for.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

    pub(crate) const fn new(path: FilePath) -> Self {
        Self(path)
    }

    /// The content of a file that holds a secret; `None` if there is none. A file that others may read
    /// or change is refused. Blocks.
    pub(crate) fn read_secret(&self) -> Result<Option<Zeroizing<Vec<u8>>>, IssuerError> {
        self.open(Rights::Private).and_then(|file| file.read_private()).map_err(failed)
    }

    /// Changes the file: see [`SharedFile::change`]. Mode and owner stay what they are. A new file has the
    /// owner of the directory, and `new_mode`. Blocks.
    pub(crate) fn change<T>(
        &self,
        new_mode: u32,
        edit: impl FnMut(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T), IssuerError>,
    ) -> Result<T, IssuerError> {
        self.open(Rights::Kept { new_mode })
            .and_then(|file| file.change(Self::PATIENCE, edit))
            .map_err(failed)?
    }

    /// Where it is, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// The file in the same directory whose name has `suffix` behind that of this one.
    pub(crate) fn beside(&self, suffix: &str) -> Self {
        let path = FilePath::new(&format!("{}{suffix}", self.0.path().display()));
        Self(path.expect("a longer name leaves a path what it is"))
    }

    pub(crate) fn open(&self, rights: Rights) -> Result<SharedFile, FileError> {
        SharedFile::open(&self.0, rights, Self::MAX_CONTENT_BYTES)
    }
}

pub(crate) fn failed(error: FileError) -> IssuerError {
    match error {
        FileError::Indeterminate { .. } => IssuerError::system("make its change durable", error),
        FileError::Busy(_) | FileError::Changed(_) => IssuerError::Unavailable {
            what: "a file that the issuer writes",
            retry_after: Some(Duration::from_secs(1)),
            source: Some(error.into()),
        },
        // This variant is the one that promises that nothing happened.
        other => IssuerError::Unavailable {
            what: "a file that the issuer needs",
            retry_after: None,
            source: Some(other.into()),
        },
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
}
