//! A folder on systems other than Unix, where only its path identifies it.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::Use;
use crate::FileError;

#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Ok(Self { path: path.to_owned() }),
            Ok(_) => Err(FileError::NotADirectory(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(FileError::NoDirectory(path.to_owned()))
            }
            Err(source) => Err(FileError::Io { what: "open the directory", path: path.to_owned(), source }),
        }
    }

    pub(crate) fn make_folder(
        &self,
        name: &OsStr,
        complete: impl FnOnce(&Self) -> io::Result<()>,
    ) -> io::Result<bool> {
        match fs::create_dir(self.path_of(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            made => made.and_then(|()| complete(self)).map(|()| true),
        }
    }

    pub(crate) fn open_folder(&self, name: &OsStr) -> Result<Self, FileError> {
        Self::open(&self.path_of(name))
    }

    pub(crate) fn path_of(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn open_file(&self, name: &OsStr, to: Use) -> Result<Option<File>, FileError> {
        let path = self.path_of(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(FileError::NotAFile(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(FileError::Io { what: "open", path, source }),
        }
        match OpenOptions::new().read(true).write(to == Use::Lock).open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(FileError::Io { what: "open", path, source }),
        }
    }

    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.path_of(name))
    }

    pub(crate) fn create_complete(
        &self,
        name: &OsStr,
        complete: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<File> {
        let file = self.create(name)?;
        complete(&file)?;
        Ok(file)
    }

    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.path_of(from), self.path_of(to))
    }

    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match fs::remove_file(self.path_of(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(self.path_of(name))
    }

    /// Returns true, because an open file cannot be removed on these systems.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // As on Unix.
    pub(crate) fn has(&self, _: &OsStr, _: &File) -> io::Result<bool> {
        Ok(true)
    }

    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // As on Unix.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
