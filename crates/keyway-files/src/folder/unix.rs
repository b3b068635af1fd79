//! A folder as an open directory. If the folder is renamed or replaced by a link, accesses still go to the open
//! directory.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, linkat, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::Use;
use crate::sync::sync_open_folder;
use crate::{FileError, FilePath};

#[derive(Debug)]
pub(crate) struct Folder {
    handle: File,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder, following symbolic links.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = openat(CWD, path, flags, Mode::empty()).map_err(|error| refused(path, error))?;
        Ok(Self { handle: handle.into(), path: path.to_owned() })
    }

    /// Opens the folder of a file without following symbolic links. The account that owns the file could replace a
    /// folder by a link, so that a program with more privileges writes somewhere else. So each folder is opened
    /// relative to its parent, and a link is refused.
    pub(crate) fn open_without_links(file: &FilePath) -> Result<Self, FileError> {
        // The access mode for the folders that lead to the file's own folder. With `PATH`, this process needs no
        // permission to read them.
        #[cfg(target_os = "linux")]
        const PASSING: OFlags = OFlags::PATH;
        #[cfg(not(target_os = "linux"))]
        const PASSING: OFlags = OFlags::RDONLY;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let count = file.directories().len();
        let access = |depth: usize| if depth == count { OFlags::RDONLY } else { PASSING };
        let mut path = PathBuf::from("/");
        let mut handle =
            openat(CWD, &path, flags | access(0), Mode::empty()).map_err(|error| refused(&path, error))?;
        for (depth, name) in (1..).zip(file.directories()) {
            path.push(name);
            handle = openat(&handle, name, flags | access(depth), Mode::empty())
                .map_err(|error| refused(&path, error))?;
        }
        Ok(Self { handle: handle.into(), path })
    }

    /// Creates a folder for its owner only, completes it, and then names it `name`. Returns false if the name exists.
    /// Replaces no folder, not even an empty one. See [`create_complete`](Self::create_complete).
    ///
    /// If the file system cannot rename without replacing, the folder is created as `name` and then completed.
    pub(crate) fn make_folder(
        &self,
        name: &OsStr,
        complete: impl Fn(&Self) -> io::Result<()>,
    ) -> io::Result<bool> {
        let draft = draft_name();
        let draft = OsStr::new(&draft);
        let made = self.make_in_place(draft, &complete).and_then(|()| match self.rename_new(draft, name) {
            Some(Ok(())) => Ok(()),
            other => {
                let _ = self.remove_folder(draft);
                other.map_or_else(|| self.make_in_place(name, &complete), |renamed| Ok(renamed?))
            }
        });
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            made => made.map(|()| true),
        }
    }

    fn make_in_place(&self, name: &OsStr, complete: impl Fn(&Self) -> io::Result<()>) -> io::Result<()> {
        mkdirat(&self.handle, name, Mode::from_raw_mode(0o700))?;
        let made = self.open_folder(name).map_err(io::Error::other);
        made.and_then(|made| complete(&made)).inspect_err(|_| {
            let _ = self.remove_folder(name);
        })
    }

    /// Opens the folder `name`. A link is refused.
    pub(crate) fn open_folder(&self, name: &OsStr) -> Result<Self, FileError> {
        let path = self.path_of(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle =
            openat(&self.handle, name, flags, Mode::empty()).map_err(|error| refused(&path, error))?;
        Ok(Self { handle: handle.into(), path })
    }

    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        for entry in Dir::read_from(&self.handle)? {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) fn path_of(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn handle(&self) -> &File {
        &self.handle
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.handle.metadata()
    }

    /// Opens the file `name`. Returns `None` if it does not exist. Follows no symbolic link, and does not wait for the
    /// other end of a pipe.
    pub(crate) fn open_file(&self, name: &OsStr, to: Use) -> Result<Option<File>, FileError> {
        let access = match to {
            Use::Read => OFlags::RDONLY,
            Use::Lock => OFlags::RDWR,
        };
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(descriptor) => Ok(Some(descriptor.into())),
            Err(Errno::NOENT) => Ok(None),
            // These errors stand for a link, a pipe without a reader, a socket, a device or a directory.
            Err(Errno::LOOP | Errno::MLINK | Errno::NXIO | Errno::ISDIR) => {
                Err(FileError::NotAFile(self.path_of(name)))
            }
            Err(error) => Err(FileError::Io { what: "open", path: self.path_of(name), source: error.into() }),
        }
    }

    /// Creates a file for its owner only. Fails if the name exists.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.handle, name, flags, Mode::from_raw_mode(0o600))?.into())
    }

    /// Creates a file for its owner only, completes it, and then names it `name`. Fails if the name exists.
    ///
    /// A file `name` with the wrong owner would lock the right one out for ever (H67). If this process dies before the
    /// renaming, only an empty file with the drawn name stays. If the file system cannot rename without replacing, the
    /// drawn name may also stay as a second name of the file.
    ///
    /// If the file system has no second names either, the file is created as `name` and then completed. Until then
    /// other users cannot open it. If this process dies or fails in between, it stays so, and must be removed (H347).
    pub(crate) fn create_complete(
        &self,
        name: &OsStr,
        complete: impl Fn(&File) -> io::Result<()>,
    ) -> io::Result<File> {
        let draft = draft_name();
        let draft = OsStr::new(&draft);
        let mut file = self.create(draft)?;
        let named = complete(&file).and_then(|()| {
            match self.rename_new(draft, name).or_else(|| self.link(draft, name)) {
                Some(named) => Ok(named.map(|()| true)?),
                None => Ok(false),
            }
        });
        if !matches!(named, Ok(true)) {
            let _ = self.remove(draft);
        }
        if !named? {
            file = self.create(name)?;
            // After a failure the file is not removed, because another process may already have locked it.
            complete(&file)?;
        }
        Ok(file)
    }

    /// Renames a file or a folder, and never replaces another one. Returns `None` if the file system cannot do that.
    fn rename_new(&self, from: &OsStr, to: &OsStr) -> Option<rustix::io::Result<()>> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        {
            use rustix::fs::{RenameFlags, renameat_with};

            match renameat_with(&self.handle, from, &self.handle, to, RenameFlags::NOREPLACE) {
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => None,
                renamed => Some(renamed),
            }
        }
        #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
        None
    }

    /// Renames a file by a second name, which never replaces another file. Returns `None` if the file system has no
    /// second names.
    fn link(&self, from: &OsStr, to: &OsStr) -> Option<rustix::io::Result<()>> {
        // This process has just created a file in the folder, so the first two do not mean that it may not.
        const UNSUPPORTED: [Errno; 5] =
            [Errno::PERM, Errno::ACCESS, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP];
        match linkat(&self.handle, from, &self.handle, to, AtFlags::empty()) {
            Err(error) if UNSUPPORTED.contains(&error) => None,
            linked => Some(linked.and_then(|()| unlinkat(&self.handle, from, AtFlags::empty()))),
        }
    }

    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.handle, from, &self.handle, to)?)
    }

    /// Removes a file, if it exists.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match unlinkat(&self.handle, name, AtFlags::empty()) {
            Err(error) if error != Errno::NOENT => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.handle, name, AtFlags::REMOVEDIR)?)
    }

    /// Tells whether `name` still refers to `file`.
    pub(crate) fn has(&self, name: &OsStr, file: &File) -> io::Result<bool> {
        let ours = file.metadata()?;
        match statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
            // The types of `st_dev` and `st_ino` differ between systems.
            Ok(found) => Ok(u64::try_from(found.st_dev).is_ok_and(|device| device == ours.dev())
                && u64::try_from(found.st_ino).is_ok_and(|number| number == ours.ino())),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        sync_open_folder(&self.handle)
    }
}

/// Draws a name for a file or a folder that is not complete yet.
fn draft_name() -> String {
    // After a fork, both processes have the same random state.
    format!(".keyway-new-{:016x}", RandomState::new().hash_one(std::process::id()))
}

fn refused(path: &Path, error: Errno) -> FileError {
    let path = path.to_owned();
    match error {
        Errno::LOOP | Errno::MLINK | Errno::NOTDIR => FileError::NotADirectory(path),
        Errno::NOENT => FileError::NoDirectory(path),
        other => FileError::Io { what: "open the directory", path, source: other.into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_never_replaces_another_one() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::open(directory.path()).unwrap();
        let at = |name: &str| directory.path().join(name);
        let [draft, name] = ["draft", "file"].map(OsStr::new);
        let by_name = || folder.rename_new(draft, name).or_else(|| folder.link(draft, name));
        let ways: [&dyn Fn() -> Option<rustix::io::Result<()>>; 2] = [&by_name, &|| folder.link(draft, name)];
        for rename in ways {
            std::fs::write(at("draft"), "new").unwrap();
            std::fs::write(at("file"), "there").unwrap();
            assert_eq!(rename(), Some(Err(Errno::EXIST)));
            assert_eq!(std::fs::read(at("file")).unwrap(), b"there");
            std::fs::remove_file(at("file")).unwrap();
            rename().unwrap().unwrap();
            assert!(!at("draft").exists());
            assert_eq!(std::fs::read(at("file")).unwrap(), b"new");
        }
    }
}
