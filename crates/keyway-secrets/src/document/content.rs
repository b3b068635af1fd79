//! What a document holds.

use keyway_core::{Table, WrittenBy};

/// The content of a [`DocumentStore`](crate::DocumentStore): what
/// [`DocumentHooks::read`](crate::DocumentHooks::read) reads and
/// [`write`](crate::DocumentHooks::write) writes. Secret parts are zeroized on drop.
#[derive(Clone, Debug)]
pub struct Document {
    /// Who wrote it.
    pub written_by: WrittenBy,
    /// The settings of the store.
    pub settings: Table,
    /// The secrets by name, in the order in which they were created.
    pub secrets: Table,
    /// How many reads were counted. Signed, because files in the field hold what they
    /// hold.
    pub reads: i64,
    /// How many writes were counted.
    pub writes: i64,
    /// What else the document holds that this template does not know, to be written
    /// back as it was.
    pub other: Table,
}

impl Document {
    /// A document without secrets.
    pub fn empty(written_by: WrittenBy, settings: Table) -> Self {
        Self { written_by, settings, secrets: Table::new(), reads: 0, writes: 0, other: Table::new() }
    }
}
