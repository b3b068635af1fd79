//! What is wrong on purpose, so that the torture can be seen to notice.

use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use serde::{Deserialize, Serialize};

/// What a process does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Defect {
    /// Its storage engine acknowledges a commit, and writes it a little later.
    AcknowledgesBeforeWriting,
    /// It writes the file of a store where it lies, in two halves.
    WritesInPlace,
}

impl Defect {
    /// The one of this name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "acknowledges-before-writing" => Some(Self::AcknowledgesBeforeWriting),
            "writes-in-place" => Some(Self::WritesInPlace),
            _ => None,
        }
    }
}

/// Writes a file again where it lies: what it held is gone until the second half is there.
pub(super) fn write_in_place(path: &Path) {
    let Ok(content) = fs::read(path) else { return };
    let (first, _) = content.split_at(content.len() / 2);
    let _ = fs::write(path, first);
    thread::sleep(Duration::from_millis(3));
    let _ = fs::write(path, &content);
}
