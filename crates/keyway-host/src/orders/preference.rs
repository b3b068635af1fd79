//! The stored form of an owner's preference for a certificate authority.

use keyway_certificates::{CaId, Owner};
use keyway_core::codec::{LENGTH_BYTES, Malformed, Reader, put_optional, put_text};

use crate::records::{RecordKind, Recorded, Stored};

/// The owner that prefers an authority; `None` stands for all owners that have no preference of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Preferring(pub(super) Option<Owner>);

/// The authority that is preferred, by the host's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Preferred(pub(super) CaId);

/// The kind of record.
#[derive(Debug)]
pub(super) struct Preference;

impl Recorded for Preference {
    const KIND: RecordKind = RecordKind::PreferredCa;
    type Fixed = Preferring;
    type State = Preferred;
}

impl Stored for Preferring {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        1 + self.0.as_ref().map_or(0, |owner| LENGTH_BYTES + owner.as_str().len())
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_optional(out, self.0.as_ref().map(Owner::as_str), put_text);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let owner = reader.optional(Reader::text)?.map(Owner::new).transpose();
        owner.map(Self).map_err(|_| Malformed { expected: "an owner" })
    }
}

impl Stored for Preferred {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        LENGTH_BYTES + self.0.as_str().len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_text(out, self.0.as_str());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        CaId::new(reader.text()?).map(Self).map_err(|_| Malformed { expected: "the id of an authority" })
    }
}
