//! The description of an engine's records.

use keyway_core::Timestamp;
use keyway_core::codec::{Malformed, Reader};
use keyway_core::json::Reader as JsonReader;

use super::key::{NameTag, RecordKind};

/// Reads JSON that was written to a record, however long it is.
pub(crate) const STORED_JSON: JsonReader = JsonReader { max_bytes: usize::MAX, ..JsonReader::STRICT };

/// A value with a stored form.
pub(crate) trait Stored: Sized {
    /// The schema that this version writes and reads.
    const SCHEMA: u8;

    /// How many bytes [`write`](Self::write) appends at most.
    fn encoded_len(&self) -> usize;

    /// Appends the stored form, without the schema.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads the stored form.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// Reads one of the values that have a stored code.
pub(crate) fn read_code<T: Copy>(
    reader: &mut Reader<'_>,
    all: &[T],
    code: impl Fn(T) -> u8,
    expected: &'static str,
) -> Result<T, Malformed> {
    let read = reader.byte()?;
    all.iter().copied().find(|value| code(*value) == read).ok_or(Malformed { expected })
}

/// Names that identify something together. They are hidden where they are stored.
pub(crate) type Names<'a> = Vec<&'a [u8]>;

/// When a worker looks at a record again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Not by itself.
    Never,
    /// From this moment on.
    At(Timestamp),
    /// When a person has decided.
    Decision,
}

/// A kind of record, and the keys that belong to one besides its own. All are pure functions, so the
/// journal writes the difference of before and after in the batch that changes the record.
pub(crate) trait Recorded: Send + Sync + 'static {
    /// The number in its keys.
    const KIND: RecordKind;
    /// The part that stays the same for the life of a record. It is sealed once.
    type Fixed: Stored + Send + Sync;
    /// The part that changes.
    type State: Stored + Clone + PartialEq + Send + Sync;

    /// The names that no two records may hold. `scope` is a short name for those of the scope.
    fn unique<'a>(_scope: &'a NameTag, _fixed: &'a Self::Fixed, _state: &'a Self::State) -> Vec<Names<'a>> {
        Vec::new()
    }

    /// The names under which records are counted while they exist.
    fn counted<'a>(_scope: &'a NameTag, _fixed: &'a Self::Fixed) -> Option<Names<'a>> {
        None
    }

    /// When a worker looks at a record that is not claimed.
    fn due(fixed: &Self::Fixed, state: &Self::State) -> Due;

    /// The lane in which it is due: what it has in common with others that wait for the same plugin
    /// and service.
    fn lane(fixed: &Self::Fixed) -> &str;
}
