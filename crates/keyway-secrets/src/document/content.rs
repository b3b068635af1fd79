//! Holds the content of a document.

use keyway_core::{Table, WrittenBy};

/// The content of a [`DocumentStore`](crate::DocumentStore), which
/// [`DocumentHooks::read`](crate::DocumentHooks::read) reads and
/// [`write`](crate::DocumentHooks::write) writes. Secret parts are zeroized on drop.
#[derive(Clone, Debug)]
pub struct Document {
    /// The last writer of the document.
    pub written_by: WrittenBy,
    /// The settings of the store.
    pub settings: Table,
    /// The secrets by name, in the order of their creation.
    pub secrets: Table,
    /// The number of counted reads. It is signed because existing files may hold negative numbers.
    pub reads: i64,
    /// The number of counted writes.
    pub writes: i64,
    /// Parts of the document that `DocumentStore` does not know. They are written back unchanged.
    pub other: Table,
}

impl Document {
    /// Makes a document without secrets.
    pub fn empty(written_by: WrittenBy, settings: Table) -> Self {
        Self { written_by, settings, secrets: Table::new(), reads: 0, writes: 0, other: Table::new() }
    }
}
