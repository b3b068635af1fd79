//! The stored form of an owner's preference for a certificate authority.

use keyway_certificates::{CaId, Owner};
use keyway_core::codec::{LENGTH_BYTES, Malformed, Reader, put_optional, put_text};

use crate::records::{RecordKind, Recorded, Stored};

/// The owner that prefers an authority; `None` stands for all owners that have no preference of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Preferring(pub(super) Option<Owner>);

/// The authority that an owner prefers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Preferred {
    /// The host's id of the authority.
    pub(super) ca: CaId,
    /// Whether the owner created the authority. If so, the host's own record of the authority tells whether it still
    /// exists, whatever the plugin answers.
    pub(super) is_own: bool,
}

/// The kind of record that stores a preference.
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
        LENGTH_BYTES + self.ca.as_str().len() + 1
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_text(out, self.ca.as_str());
        out.push(u8::from(self.is_own));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let ca = CaId::new(reader.text()?).map_err(|_| Malformed { expected: "the id of an authority" })?;
        // Records of earlier versions end here, without the flag.
        let is_own = reader.end().is_err() && reader.flag()?;
        Ok(Self { ca, is_own })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_comes_back_and_an_old_one_is_of_no_own_authority() {
        for is_own in [false, true] {
            let preferred = Preferred { ca: CaId::new("ca-7").unwrap(), is_own };
            let mut bytes = Vec::new();
            preferred.write(&mut bytes);
            assert_eq!(bytes.len(), preferred.encoded_len());
            assert_eq!(Preferred::read(&mut Reader::new(&bytes)).unwrap(), preferred);
            let old = Preferred::read(&mut Reader::new(&bytes[..bytes.len() - 1])).unwrap();
            assert_eq!(old, Preferred { is_own: false, ..preferred });
        }
    }
}
