//! The version of a file that is replaced whole.

use std::fs::File;

use crate::folder::Use;
use crate::{FileError, SharedFile};

/// A version of a [`SharedFile`]. The file is kept open, so that no later version is taken for this one.
///
/// Where an open file cannot be replaced (not on Unix), nothing is kept, and the file counts as replaced.
#[derive(Debug)]
pub struct Version(Option<File>);

impl SharedFile {
    /// Returns the present version, to find out cheaply whether the file was replaced; `None` if there is no file. Blocks.
    ///
    /// A writer that changes the file in place does not make another version.
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

    /// Tells whether the file still is of this version. A file that cannot be found is not. Blocks, for one system call.
    pub fn has_version(&self, version: &Version) -> bool {
        version.0.as_ref().is_some_and(|file| self.folder().has(self.name(), file).unwrap_or(false))
    }
}
