//! The files that stand beside a store file while it is written.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A store file and its companions. Theirs begin with a dot, which no store's name does
/// (decision C9), so they are never another store.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    pub(crate) directory: PathBuf,
    pub(crate) file: PathBuf,
    /// Locked by whoever writes.
    pub(crate) lock: PathBuf,
    /// What is written before it takes the file's place.
    pub(crate) temporary: PathBuf,
}

impl Paths {
    /// Looks through symbolic links, so that the file behind one is replaced and not the
    /// link, and so that all who write it meet at one lock.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let file = match fs::canonicalize(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        };
        let name = file
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file"))?;
        let directory = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let beside = |suffix: &str| {
            let mut companion = OsString::from(".");
            companion.push(name);
            companion.push(suffix);
            directory.join(companion)
        };
        Ok(Self { lock: beside(".lock"), temporary: beside(".tmp"), directory: directory.clone(), file })
    }
}
