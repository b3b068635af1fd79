//! The absolute path of a file.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// The absolute path of a file. It contains no `.` and no `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath {
    directories: Vec<OsString>,
    name: OsString,
}

/// The reason why a text is not a usable path of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// The path names no file.
    #[error("it is empty: give the absolute path of the file")]
    Empty,
    /// The path does not begin with a slash.
    #[error("it is not absolute: begin it with a slash")]
    Relative,
    /// The path holds `.` or `..`, or ends with a slash.
    #[error("it holds `.` or `..`, or ends with a slash: give the path of a file without them")]
    Detour,
    /// The path holds a zero byte, which no system allows.
    #[error("it holds a zero byte")]
    ZeroByte,
}

impl FilePath {
    /// Parses a path. Does no I/O.
    ///
    /// # Errors
    /// [`PathFault`].
    pub fn new(path: &str) -> Result<Self, PathFault> {
        if path.is_empty() {
            return Err(PathFault::Empty);
        }
        if path.contains('\0') {
            return Err(PathFault::ZeroByte);
        }
        let Some(relative) = path.strip_prefix('/') else { return Err(PathFault::Relative) };
        // `Path` normalizes `a/./b` and `a/`, so the text itself is checked.
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

    /// Returns the path, for messages.
    pub fn path(&self) -> PathBuf {
        let mut path = PathBuf::from("/");
        path.extend(self.directories.iter().chain([&self.name]));
        path
    }

    /// Returns the names of the directories that lead to the file, beginning at the root.
    pub(crate) fn directories(&self) -> &[OsString] {
        &self.directories
    }

    pub(crate) fn name(&self) -> &OsStr {
        &self.name
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
