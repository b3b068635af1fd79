//! The traits of records and of their parts, which engines implement.

use keyway_core::Timestamp;
use keyway_core::codec::{Malformed, Reader};
use keyway_core::json::Reader as JsonReader;

use super::key::{NameTag, RecordKind};

/// Reads JSON from a record, without a size limit.
pub(crate) const STORED_JSON: JsonReader =
    JsonReader { max_bytes: usize::MAX, max_collections: usize::MAX, ..JsonReader::STRICT };

/// A value with a stored form.
pub(crate) trait Stored: Sized {
    /// The schema that this version reads and writes.
    const SCHEMA: u8;

    /// Returns an upper bound for the number of bytes that [`write`](Self::write) appends.
    fn encoded_len(&self) -> usize;

    /// Appends the stored form, without the schema.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads the stored form.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// Reads the stored code of a value.
pub(crate) fn read_code<T: Copy>(
    reader: &mut Reader<'_>,
    all: &[T],
    code: impl Fn(T) -> u8,
    expected: &'static str,
) -> Result<T, Malformed> {
    let read = reader.byte()?;
    all.iter().copied().find(|value| code(*value) == read).ok_or(Malformed { expected })
}

/// The maximum number of names that together identify something.
const MOST_NAMES: usize = 3;

/// Names that together identify something. Stored keys hold only their tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Names<'a> {
    names: [&'a [u8]; MOST_NAMES],
    count: usize,
}

impl<'a> Names<'a> {
    pub(crate) fn of<const N: usize>(first: [&'a [u8]; N]) -> Self {
        const { assert!(N <= MOST_NAMES, "too many names") };
        let mut names: [&[u8]; MOST_NAMES] = [&[]; MOST_NAMES];
        names[..N].copy_from_slice(&first);
        Self { names, count: N }
    }
}

impl<'a> std::ops::Deref for Names<'a> {
    type Target = [&'a [u8]];

    fn deref(&self) -> &Self::Target {
        &self.names[..self.count]
    }
}

/// When a worker takes a record up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Never, unless a caller requests it.
    Never,
    /// From this moment on.
    At(Timestamp),
    /// After a person's decision.
    Decision,
}

/// A kind of record, and its index entries. All functions are pure, so that the journal can compute which index entries
/// a change adds and removes, and write them in the same batch.
pub(crate) trait Recorded: Send + Sync + 'static {
    /// The number of this kind in keys.
    const KIND: RecordKind;
    /// The maximum size of a record: of its sealed fixed part and its state. It is the size limit of a plugin's own
    /// data (decision R8), unless the host keeps more with them.
    const LARGEST: usize = 512 << 10;
    /// The part that never changes during the life of a record. It is sealed once.
    type Fixed: Stored + Send + Sync;
    /// The part of a record that changes.
    type State: Stored + Clone + PartialEq + Send + Sync;

    /// Returns the names that only one record may hold. `scope` is a short tag that stands for the names of the scope.
    fn unique<'a>(_scope: &'a NameTag, _fixed: &'a Self::Fixed, _state: &'a Self::State) -> Vec<Names<'a>> {
        Vec::new()
    }

    /// Returns the names under which the record is listed, each once. A batch changes at most a few of these names at a
    /// time.
    fn listed<'a>(_fixed: &'a Self::Fixed, _state: &'a Self::State) -> Vec<Names<'a>> {
        Vec::new()
    }

    /// Returns the names of the list of records whose callers live in the memory of a host.
    fn callers_of(_host: &str) -> Option<Names<'_>> {
        None
    }

    /// Returns the names under which the record is counted while it exists.
    fn counted<'a>(_scope: &'a NameTag, _fixed: &'a Self::Fixed) -> Option<Names<'a>> {
        None
    }

    /// Returns when a worker takes up a record that is not claimed. By default a record needs no work.
    fn due(_fixed: &Self::Fixed, _state: &Self::State) -> Due {
        Due::Never
    }

    /// Returns the lane of the record, shared by all records that wait for the same plugin and
    /// service.
    #[expect(clippy::unnecessary_literal_bound, reason = "a record that is work borrows its lane")]
    fn lane(_fixed: &Self::Fixed) -> &str {
        ""
    }
}
