//! A folder for one input.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that is removed on drop.
pub(super) struct Scratch {
    _folder: TempDir,
    path: PathBuf,
}

impl Scratch {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("its path");
        Self { _folder: folder, path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a file that only its owner can read.
    pub(super) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path.join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(content)).expect("a file");
        path
    }
}
