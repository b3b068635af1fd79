//! The stored form of a subordinate authority.

use keyway_certificates::{AuthorityName, CaId, Owner};
use keyway_core::Timestamp;
use keyway_core::codec::{LENGTH_BYTES, Malformed, Reader, put_optional, put_text, put_time, put_u32};

use super::machine::{Doubt, Phase, State};
use crate::records::{Stored, read_code};

/// The part of a subordinate authority's record that never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requested {
    pub(in crate::orders) owner: Owner,
    pub(in crate::orders) authority: AuthorityName,
    /// The plugin's own id of the parent authority.
    pub(super) parent: CaId,
    pub(super) name: String,
    pub(super) subject_dn: String,
    pub(super) description: Option<String>,
    pub(super) made: Timestamp,
}

impl Stored for Requested {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        let texts = [self.owner.as_str(), self.authority.as_str(), self.parent.as_str()].into_iter();
        let texts = texts.chain([self.name.as_str(), self.subject_dn.as_str()]);
        let texts = texts.chain(self.description.as_deref());
        8 + 1 + texts.map(|text| LENGTH_BYTES + text.len()).sum::<usize>()
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_time(out, self.made);
        for text in [self.owner.as_str(), self.authority.as_str(), self.parent.as_str()] {
            put_text(out, text);
        }
        put_text(out, &self.name);
        put_text(out, &self.subject_dn);
        put_optional(out, self.description.as_deref(), put_text);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bad = |expected| move |_| Malformed { expected };
        Ok(Self {
            made: reader.time()?,
            owner: Owner::new(reader.text()?).map_err(bad("an owner"))?,
            authority: AuthorityName::new(reader.text()?).map_err(bad("the name of a connection"))?,
            parent: CaId::new(reader.text()?).map_err(bad("the id of an authority"))?,
            name: reader.text()?.to_owned(),
            subject_dn: reader.text()?.to_owned(),
            description: reader.optional(Reader::text)?.map(str::to_owned),
        })
    }
}

impl Stored for State {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        let ca = self.ca.as_ref().map_or(0, |ca| LENGTH_BYTES + ca.as_str().len());
        2 + 8 + 4 + (1 + 8) + (1 + ca) + LENGTH_BYTES + self.message.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.phase as u8, self.doubt as u8]);
        put_time(out, self.since);
        put_u32(out, self.failures);
        put_optional(out, self.next, put_time);
        put_optional(out, self.ca.as_ref().map(CaId::as_str), put_text);
        put_text(out, &self.message);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        const PHASES: [Phase; 4] = [Phase::Creating, Phase::Active, Phase::Deleting, Phase::Undecided];
        const DOUBTS: [Doubt; 3] = [Doubt::None, Doubt::Asked, Doubt::Earlier];
        let phase = read_code(reader, &PHASES, |phase| phase as u8, "the phase of an authority")?;
        let doubt = read_code(reader, &DOUBTS, |doubt| doubt as u8, "the doubt about a creation")?;
        let (since, failures) = (reader.time()?, reader.u32()?);
        let next = reader.optional(Reader::time)?;
        let ca = reader.optional(Reader::text)?.map(CaId::new).transpose();
        let ca = ca.map_err(|_| Malformed { expected: "the id of an authority" })?;
        if ca.is_some() != matches!(phase, Phase::Active | Phase::Deleting) {
            return Err(Malformed { expected: "the id of an authority in these phases only" });
        }
        let message = reader.text()?.to_owned();
        Ok(Self { phase, ca, since, failures, next, message, doubt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time() -> impl Strategy<Value = Timestamp> {
        any::<u64>().prop_map(Timestamp::from_milliseconds)
    }

    fn state() -> impl Strategy<Value = State> {
        let codes = (1..=4_u8, 0..=2_u8);
        (codes, time(), any::<u32>(), prop::option::of(time()), "[a-z]{1,9}", ".{0,20}").prop_map(
            |((phase, doubt), since, failures, next, ca, message)| {
                let phase = [Phase::Creating, Phase::Active, Phase::Deleting, Phase::Undecided]
                    [usize::from(phase) - 1];
                let doubt = [Doubt::None, Doubt::Asked, Doubt::Earlier][usize::from(doubt)];
                let ca = matches!(phase, Phase::Active | Phase::Deleting).then(|| CaId::new(ca).unwrap());
                State { phase, ca, since, failures, next, message, doubt }
            },
        )
    }

    fn check<T: Stored + PartialEq + std::fmt::Debug>(
        value: &T,
        cut: prop::sample::Index,
    ) -> Result<(), TestCaseError> {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        prop_assert!(bytes.len() <= value.encoded_len());
        prop_assert_eq!(&T::read(&mut Reader::new(&bytes)).unwrap(), value);
        prop_assert!(T::read(&mut Reader::new(&bytes[..cut.index(bytes.len())])).is_err());
        Ok(())
    }

    proptest! {
        #[test]
        fn states_come_back_and_cut_ones_are_refused(state in state(), cut: prop::sample::Index) {
            check(&state, cut)?;
        }

        #[test]
        fn requests_come_back_and_cut_ones_are_refused(
            owner in "[a-z ]{1,9}", parent in "[a-z]{1,9}", name in ".{0,20}", subject_dn in ".{0,20}",
            description in prop::option::of(".{0,20}"), made in time(), cut: prop::sample::Index,
        ) {
            let requested = Requested {
                owner: Owner::new(owner).unwrap(),
                authority: AuthorityName::new("desk").unwrap(),
                parent: CaId::new(parent).unwrap(),
                name,
                subject_dn,
                description,
                made,
            };
            check(&requested, cut)?;
        }
    }

    #[test]
    fn an_id_without_its_phase_is_refused() {
        let mut bytes = Vec::new();
        let since = Timestamp::from_milliseconds(1);
        State { ca: None, ..State::new(Phase::Active, since) }.write(&mut bytes);
        assert!(State::read(&mut Reader::new(&bytes)).is_err());
    }
}
