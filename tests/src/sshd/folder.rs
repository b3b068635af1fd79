//! A folder for the files of a test.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

/// A folder whose path has no links, because the issuers refuse links.
#[derive(Debug)]
pub struct Folder {
    _folder: TempDir,
    path: PathBuf,
}

impl Folder {
    /// Creates a folder. It is removed on drop.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("a path");
        Self { _folder: folder, path }
    }

    /// Returns the path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a file in the folder.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).expect("a file")
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}
