//! A file that several programs read and write.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[cfg(unix)]
use zeroize::Zeroizing;

#[cfg(unix)]
use crate::FilePath;
use crate::folder::{Folder, Use};
use crate::opened::Opened;
use crate::{FileError, Found, Lock, Rights};

/// A file in an open folder. It need not be there. See the [crate](crate).
#[derive(Clone, Debug)]
pub struct SharedFile {
    folder: Arc<Folder>,
    name: OsString,
    rights: Rights,
    max_bytes: usize,
}

impl SharedFile {
    /// How often a change is tried while programs without a lock write, too.
    const ATTEMPTS: usize = 20;

    /// Opens the folder of a file, which has at most `max_bytes`, without following any symbolic link: for
    /// a place in which another account may lay links. Blocks.
    ///
    /// # Errors
    /// [`FileError::NotADirectory`] for a link on the way, [`FileError::NoDirectory`], and
    /// [`FileError::Io`]. Nothing is changed.
    #[cfg(unix)]
    pub fn open(path: &FilePath, rights: Rights, max_bytes: usize) -> Result<Self, FileError> {
        let folder = Arc::new(Folder::open_without_links(path)?);
        Ok(Self { folder, name: path.name().to_owned(), rights, max_bytes })
    }

    /// Opens the folder of a file, which has at most `max_bytes`, through symbolic links. If the path leads to a
    /// link, the file behind it is meant: that is replaced and not the link, and all who write it meet at one
    /// lock. Blocks.
    ///
    /// # Errors
    /// [`FileError::NoDirectory`] and [`FileError::Io`]. Nothing is changed.
    pub fn resolve(path: &Path, rights: Rights, max_bytes: usize) -> Result<Self, FileError> {
        let failed = |source| FileError::Io { what: "find", path: path.to_owned(), source };
        let file = match fs::canonicalize(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(failed(error)),
        };
        let Some(name) = file.file_name() else { return Err(FileError::NotAFile(file)) };
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Ok(Self { folder: Arc::new(Folder::open(folder)?), name: name.to_owned(), rights, max_bytes })
    }

    /// Where the file is, for messages.
    pub fn path(&self) -> PathBuf {
        self.folder.path_of(&self.name)
    }

    /// The file as it is now; `None` if there is none. Blocks.
    ///
    /// # Errors
    /// [`FileError::NotAFile`], [`FileError::TooLong`] and [`FileError::Io`].
    pub fn read(&self) -> Result<Option<Found>, FileError> {
        self.open_to_read()?.map(|opened| opened.read(self.max_bytes)).transpose()
    }

    /// The content of a file that holds a secret; `None` if there is none. See
    /// [`read_private`](crate::read_private). Blocks.
    ///
    /// # Errors
    /// As [`read`](Self::read); and [`FileError::Exposed`] and [`FileError::ForeignOwner`] for a file that
    /// others may read or change.
    #[cfg(unix)]
    pub fn read_private(&self) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        let Some(opened) = self.open_to_read()? else { return Ok(None) };
        opened.private()?.read(self.max_bytes).map(|found| Some(found.into_content().into()))
    }

    /// Keeps others from writing, for whom it waits for `patience`. Makes the lock file if it is not
    /// there. Blocks.
    ///
    /// # Errors
    /// [`FileError::Busy`] when others held the lock for all of `patience`; [`FileError::NotAFile`] for a lock
    /// that is a link; [`FileError::Io`].
    pub fn lock(&self, patience: Duration) -> Result<Lock, FileError> {
        Lock::acquire(&self.folder, self.beside(".keyway-lock"), patience)
    }

    /// Changes the file, under its lock: `edit` gets the content, `None` if there is no file, and says
    /// what it shall be, `None` if it is well as it is. A program that takes no lock may write in between;
    /// then `edit` is asked again. Blocks.
    ///
    /// # Errors
    /// The outer error is of the file, as of [`lock`](Self::lock), [`read`](Self::read) and
    /// [`replace`](Self::replace); [`FileError::Busy`] also when others wrote each time. The inner error is that of
    /// `edit`, and nothing was changed.
    pub fn change<T, E>(
        &self,
        patience: Duration,
        mut edit: impl FnMut(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T), E>,
    ) -> Result<Result<T, E>, FileError> {
        let lock = self.lock(patience)?;
        for _ in 0..Self::ATTEMPTS {
            let found = self.read()?;
            let (wanted, answer) = match edit(found.as_ref().map(Found::content)) {
                Ok((Some(wanted), answer)) => (wanted, answer),
                Ok((None, answer)) => return Ok(Ok(answer)),
                Err(error) => return Ok(Err(error)),
            };
            match self.replace(&lock, found.as_ref(), &wanted) {
                Err(FileError::Changed(_)) => {}
                replaced => return replaced.map(|()| Ok(answer)),
            }
        }
        Err(FileError::Busy(self.path()))
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }

    pub(crate) fn temporary_name(&self) -> OsString {
        self.beside(".keyway-new")
    }

    pub(crate) fn rights(&self) -> Rights {
        self.rights
    }

    pub(crate) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    fn open_to_read(&self) -> Result<Option<Opened>, FileError> {
        let file = self.folder.open_file(&self.name, Use::Read)?;
        file.map(|file| Opened::new(file, self.path())).transpose()
    }

    /// Theirs begin with a dot, which the name of no store does (decision C9).
    fn beside(&self, suffix: &str) -> OsString {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(suffix);
        name
    }
}
