//! Where a file is, and the way there, on which no symbolic link is followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::FileError;

/// The absolute path of a file, without `.` and `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePath {
    directories: Vec<OsString>,
    name: OsString,
}

/// A text is not the path of a file that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathFault {
    #[error("it is empty: give the absolute path of the file")]
    Empty,
    #[error("it is not absolute: begin it with a slash")]
    Relative,
    #[error("it holds `.` or `..`, or ends with a slash: give the path of a file without them")]
    Detour,
    #[error("it holds a zero byte")]
    ZeroByte,
}

impl FilePath {
    /// Reads a path; it does no I/O.
    pub(crate) fn new(path: &str) -> Result<Self, PathFault> {
        if path.is_empty() {
            return Err(PathFault::Empty);
        }
        if path.contains('\0') {
            return Err(PathFault::ZeroByte);
        }
        let Some(relative) = path.strip_prefix('/') else { return Err(PathFault::Relative) };
        // `Path` forgives `a/./b` and `a/`, so the text itself is asked.
        if relative.split('/').any(|part| matches!(part, "." | "..")) || path.ends_with('/') {
            return Err(PathFault::Detour);
        }
        let mut directories: Vec<OsString> = Path::new(relative)
            .components()
            .filter_map(|component| match component {
                Component::Normal(name) => Some(name.to_owned()),
                _ => None,
            })
            .collect();
        let name = directories.pop().ok_or(PathFault::Empty)?;
        Ok(Self { directories, name })
    }

    /// The path, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory_path(self.directories.len()).join(&self.name)
    }

    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    pub(super) fn lock_name(&self) -> OsString {
        self.beside(".keyway-lock")
    }

    pub(super) fn temporary_name(&self) -> OsString {
        self.beside(".keyway-new")
    }

    /// Opens the directory of the file. The account that a file belongs to can put a link
    /// where a directory was, to have the issuer write somewhere else with the issuer's
    /// rights; so each directory is opened from the one before, and a link is refused.
    pub(super) fn open_directory(&self) -> Result<File, FileError> {
        // What is only passed need not be readable, where the system can tell these apart.
        #[cfg(target_os = "linux")]
        const PASSING: OFlags = OFlags::PATH;
        #[cfg(not(target_os = "linux"))]
        const PASSING: OFlags = OFlags::RDONLY;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let count = self.directories.len();
        let access = |depth: usize| if depth == count { OFlags::RDONLY } else { PASSING };
        let root = openat(CWD, "/", flags | access(0), Mode::empty());
        let mut directory = root.map_err(|error| self.failed("open the root for", error.into()))?;
        for (depth, name) in (1..).zip(&self.directories) {
            directory = openat(&directory, name, flags | access(depth), Mode::empty()).map_err(|error| {
                let path = self.directory_path(depth);
                match error {
                    Errno::LOOP | Errno::MLINK | Errno::NOTDIR => FileError::NotADirectory(path),
                    Errno::NOENT => FileError::NoDirectory(path),
                    other => FileError::Io { what: "open the directory", path, source: other.into() },
                }
            })?;
        }
        Ok(File::from(directory))
    }

    fn directory_path(&self, depth: usize) -> PathBuf {
        let mut path = PathBuf::from("/");
        path.extend(self.directories.iter().take(depth));
        path
    }

    fn beside(&self, suffix: &str) -> OsString {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(suffix);
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_absolute_paths_are_paths() {
        let path = FilePath::new("/home/joe/.ssh/authorized_keys").unwrap();
        assert_eq!(path.path(), Path::new("/home/joe/.ssh/authorized_keys"));
        assert_eq!(FilePath::new("/a").unwrap().path(), Path::new("/a"));
        for (text, fault) in [
            ("", PathFault::Empty),
            ("a/b", PathFault::Relative),
            ("~/x", PathFault::Relative),
            ("/home/../etc/x", PathFault::Detour),
            ("/home/./x", PathFault::Detour),
            ("/home/x/", PathFault::Detour),
            ("/home/x/..", PathFault::Detour),
            ("/", PathFault::Detour),
            ("/a\0b", PathFault::ZeroByte),
        ] {
            assert_eq!(FilePath::new(text), Err(fault), "{text:?}");
        }
    }
}
