//! The version of a file that is replaced as a whole.

use std::fs::File;

use crate::folder::Use;
use crate::{FileError, SharedFile};

/// A version of a [`SharedFile`]. It keeps the file open, so that no later file can have the same identity.
///
/// On systems other than Unix an open file cannot be replaced. There a version keeps nothing open, and the file always
/// counts as replaced.
#[derive(Debug)]
pub struct Version(Option<File>);

impl SharedFile {
    /// Returns the current version, with which a caller can cheaply find out later whether the file was replaced.
    /// Returns `None` if there is no file. Blocks.
    ///
    /// A change in place does not create a new version.
    ///
    /// # Errors
    /// [`FileError::NotAFile`] for a link, and [`FileError::Io`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use keyway_files::{FileError, Rights, SharedFile};
    /// # let folder = tempfile::tempdir().unwrap();
    /// let file = SharedFile::resolve(&folder.path().join("guests"), Rights::Private, 1024)?;
    /// assert!(file.version()?.is_none());
    /// let change = || file.change(Duration::from_secs(10), |_| Ok::<_, FileError>((Some(b"Ada".to_vec()), ())));
    /// change()??;
    /// let version = file.version()?.unwrap();
    /// # #[cfg(unix)]
    /// assert!(file.has_version(&version));
    /// change()??;
    /// assert!(!file.has_version(&version), "it was replaced, although by the same content");
    /// # Ok::<(), FileError>(())
    /// ```
    pub fn version(&self) -> Result<Option<Version>, FileError> {
        let file = self.folder().open_file(self.name(), Use::Read)?;
        Ok(file.map(|file| Version(cfg!(unix).then_some(file))))
    }

    /// Tells whether the file still has this version. The answer is false if the file cannot be found. Blocks for one
    /// system call.
    pub fn has_version(&self, version: &Version) -> bool {
        version.0.as_ref().is_some_and(|file| self.folder().has(self.name(), file).unwrap_or(false))
    }
}
