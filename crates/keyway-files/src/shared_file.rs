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

/// A file in an open folder. The file need not exist yet. See the [front page](crate).
#[derive(Clone, Debug)]
pub struct SharedFile {
    folder: Arc<Folder>,
    name: OsString,
    rights: Rights,
    max_bytes: usize,
}

impl SharedFile {
    /// The number of times that a change is tried while programs without a lock write to the file.
    const ATTEMPTS: usize = 20;

    /// Opens the folder of a file of at most `max_bytes`, following no symbolic link. Use it where another account may
    /// create links. Blocks.
    ///
    /// # Errors
    /// [`FileError::NotADirectory`] for a link in the path, [`FileError::NoDirectory`], and [`FileError::Io`]. Nothing
    /// is changed.
    #[cfg(unix)]
    pub fn open(path: &FilePath, rights: Rights, max_bytes: usize) -> Result<Self, FileError> {
        let folder = Arc::new(Folder::open_without_links(path)?);
        Ok(Self { folder, name: path.name().to_owned(), rights, max_bytes })
    }

    /// Opens the folder of a file of at most `max_bytes`, following symbolic links. If the path names a link, its
    /// target is replaced instead of the link, and all writers of the target share one lock. This holds too for a
    /// target that does not exist yet. Blocks.
    ///
    /// # Errors
    /// [`FileError::NoDirectory`] and [`FileError::Io`]. Nothing is changed.
    pub fn resolve(path: &Path, rights: Rights, max_bytes: usize) -> Result<Self, FileError> {
        let failed = |source| FileError::Io { what: "find", path: path.to_owned(), source };
        let file = target(path).map_err(failed)?;
        let Some(name) = file.file_name() else { return Err(FileError::NotAFile(file)) };
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Ok(Self { folder: Arc::new(Folder::open(folder)?), name: name.to_owned(), rights, max_bytes })
    }

    /// Returns the path of the file, for messages.
    pub fn path(&self) -> PathBuf {
        self.folder.path_of(&self.name)
    }

    /// Reads the file. Returns `None` if there is no file. Blocks.
    ///
    /// # Errors
    /// [`FileError::NotAFile`], [`FileError::TooLong`] and [`FileError::Io`].
    pub fn read(&self) -> Result<Option<Found>, FileError> {
        self.open_to_read()?.map(|opened| opened.read(self.max_bytes)).transpose()
    }

    /// Reads the content of a file that holds a secret. Returns `None` if there is no file. See
    /// [`read_private`](crate::read_private). Blocks.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), and [`FileError::Exposed`] and [`FileError::ForeignOwner`] for a file that other
    /// users may read or change.
    #[cfg(unix)]
    pub fn read_private(&self) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        let Some(opened) = self.open_to_read()? else { return Ok(None) };
        opened.private()?.read(self.max_bytes).map(|found| Some(found.into_content().into()))
    }

    /// Locks the file against other writers. Waits for at most `patience` until they release the lock. Creates the lock
    /// file if it does not exist. Blocks.
    ///
    /// # Errors
    /// [`FileError::Busy`] when others held the lock for all of `patience`; [`FileError::NotAFile`] when the lock file
    /// is a link or not a regular file; [`FileError::Io`].
    pub fn lock(&self, patience: Duration) -> Result<Lock, FileError> {
        Lock::acquire(&self.folder, self.beside(".keyway-lock"), patience)
    }

    /// Changes the file under its lock. `edit` gets the content, or `None` if there is no file. It returns the new
    /// content, or `None` for no change. If a program that takes no lock changes the file before the new content is
    /// written, `edit` is called again. Blocks.
    ///
    /// # Errors
    /// The outer error is that of [`lock`](Self::lock), [`read`](Self::read) or [`replace`](Self::replace);
    /// [`FileError::Busy`] also means that other programs changed the file during every attempt. The inner error is
    /// that of `edit`; nothing was changed then.
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

    /// Returns the name of a companion file, such as the lock file. It begins with a dot, which the name of a store
    /// never does, so it differs from the names of files that are called after stores (decision C9).
    fn beside(&self, suffix: &str) -> OsString {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(suffix);
        name
    }
}

/// Follows the symbolic links of a path. A link may lead to a file that does not exist: a store that was removed, and
/// is about to be created again.
fn target(path: &Path) -> io::Result<PathBuf> {
    // Linux follows as many links in one path.
    const LINKS: usize = 40;
    let mut file = path.to_owned();
    for _ in 0..LINKS {
        match fs::canonicalize(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        match fs::read_link(&file) {
            Ok(next) => file = file.parent().unwrap_or(Path::new("")).join(next),
            // There is no link, and no file either.
            Err(_) => break,
        }
    }
    Ok(file)
}
