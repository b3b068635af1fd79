//! Deliberate defects, which show that the torture detects errors.

use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use serde::{Deserialize, Serialize};

/// A deliberate defect of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Defect {
    /// The storage engine acknowledges a commit, and writes it a little later.
    AcknowledgesBeforeWriting,
    /// The process writes the file of a store in place, in two halves.
    WritesInPlace,
    /// The process writes the secrets of a batch one after the other.
    SplitsBatches,
}

impl Defect {
    /// Returns the defect of this name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "acknowledges-before-writing" => Some(Self::AcknowledgesBeforeWriting),
            "writes-in-place" => Some(Self::WritesInPlace),
            "splits-batches" => Some(Self::SplitsBatches),
            _ => None,
        }
    }
}

/// Writes a file in place. Its content is lost until the second half is written.
pub(super) fn write_in_place(path: &Path) {
    let Ok(content) = fs::read(path) else { return };
    let (first, _) = content.split_at(content.len() / 2);
    let _ = fs::write(path, first);
    thread::sleep(Duration::from_millis(3));
    let _ = fs::write(path, &content);
}
