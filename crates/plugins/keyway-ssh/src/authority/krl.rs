//! OpenSSH's key revocation lists, as `PROTOCOL.krl` of OpenSSH describes the format.
//!
//! What this module does not understand, or does not need to, it keeps byte for byte: a
//! list may be written by others too.
//!
//! The format has no place for the time until which a revocation is needed. So the key ids of each
//! month stand in a section of their own, whose field `reserved`, which OpenSSH skips, says it. A
//! program that writes the list anew drops that field, and with it only that the key ids go away some day.

/// A key revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RevocationList {
    /// Increases with each change.
    version: u64,
    /// Seconds since 1970.
    generated: u64,
    flags: u64,
    reserved: Vec<u8>,
    comment: Vec<u8>,
    sections: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Section {
    Certificates(Certificates),
    Other { kind: u8, data: Vec<u8> },
}

/// What is revoked of the certificates of one authority.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Certificates {
    /// The key of the authority as SSH writes it; empty: whoever signed.
    authority: Vec<u8>,
    reserved: Vec<u8>,
    sections: Vec<(u8, Vec<u8>)>,
}

/// Bytes are not a key revocation list that can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RevocationListFault {
    #[error("it does not begin as a key revocation list of OpenSSH does")]
    NotAList,
    #[error("its format version is {0}, and only 1 is known")]
    Version(u32),
    #[error("it ends in the middle, or has lengths that do not fit")]
    Damaged,
    #[error(
        "it is signed, so a change would make its signature wrong, and OpenSSH no longer reads such lists"
    )]
    Signed,
}

use RevocationListFault as Fault;

const MAGIC: &[u8; 8] = b"SSHKRL\n\0";
const FORMAT_VERSION: u32 = 1;
const CERTIFICATES: u8 = 1;
const SIGNATURE: u8 = 4;
const KEY_IDS: u8 = 0x23;

const DAY: u64 = 24 * 3600;
/// Key ids that are revoked within this time share a section.
const PERIOD: u64 = 30 * DAY;
/// How long a key id stays in the list, in seconds, from the end of its period: as long as the longest certificate
/// is good, and once more that long, for clocks that are wrong.
const KEPT: u64 = 2 * super::settings::LONGEST_MINUTES * 60;
/// What the field `reserved` of a section begins with; seconds since 1970 follow.
const UNTIL: &str = "keyway until ";

impl RevocationList {
    /// A list that revokes nothing.
    pub(super) const fn new(generated: u64) -> Self {
        Self {
            version: 0,
            generated,
            flags: 0,
            reserved: Vec::new(),
            comment: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// Reads a list.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader(bytes);
        if reader.bytes(MAGIC.len()).map_err(|_| Fault::NotAList)? != MAGIC {
            return Err(Fault::NotAList);
        }
        match reader.u32()? {
            FORMAT_VERSION => {}
            other => return Err(Fault::Version(other)),
        }
        let mut list = Self::new(0);
        list.version = reader.u64()?;
        list.generated = reader.u64()?;
        list.flags = reader.u64()?;
        list.reserved = reader.string()?.to_vec();
        list.comment = reader.string()?.to_vec();
        while !reader.0.is_empty() {
            let (kind, data) = (reader.u8()?, reader.string()?);
            list.sections.push(match kind {
                CERTIFICATES => Section::Certificates(Certificates::decode(data)?),
                SIGNATURE => return Err(Fault::Signed),
                kind => Section::Other { kind, data: data.to_vec() },
            });
        }
        Ok(list)
    }

    /// Writes the list.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(FORMAT_VERSION.to_be_bytes());
        for number in [self.version, self.generated, self.flags] {
            bytes.extend(number.to_be_bytes());
        }
        string(&mut bytes, &self.reserved);
        string(&mut bytes, &self.comment);
        for section in &self.sections {
            match section {
                Section::Certificates(certificates) => {
                    bytes.push(CERTIFICATES);
                    string(&mut bytes, &certificates.encode());
                }
                Section::Other { kind, data } => {
                    bytes.push(*kind);
                    string(&mut bytes, data);
                }
            }
        }
        bytes
    }

    /// Whether the list revokes the certificates of any authority with this key id.
    pub(super) fn revokes(&self, key_id: &str) -> Result<bool, Fault> {
        for certificates in self.of_any_authority() {
            if certificates.names(key_id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Revokes the certificates with this key id, whichever authority signed them, and forgets those that
    /// expired long ago. False when they were revoked already; then nothing changes.
    pub(super) fn revoke(&mut self, key_id: &str, now: u64) -> Result<bool, Fault> {
        if self.revokes(key_id)? {
            return Ok(false);
        }
        // Before the last change it cannot be: then the clock is wrong, and who knows by how much. So what is
        // revoked now is kept for ever, and a single time far in the future takes nothing away.
        let until = (now >= self.generated).then(|| kept_until(now));
        let passed = now.min(self.generated);
        self.sections.retain(|section| match section {
            Section::Certificates(certificates) => certificates.until().is_none_or(|until| until > passed),
            Section::Other { .. } => true,
        });

        let same = self.sections.iter_mut().find_map(|section| match section {
            Section::Certificates(certificates)
                if certificates.is_ours() && certificates.until() == until =>
            {
                Some(certificates)
            }
            _ => None,
        });
        if let Some(certificates) = same {
            certificates.add(key_id);
        } else {
            let reserved = until.map(|until| format!("{UNTIL}{until}").into_bytes()).unwrap_or_default();
            let mut certificates = Certificates { authority: Vec::new(), reserved, sections: Vec::new() };
            certificates.add(key_id);
            self.sections.push(Section::Certificates(certificates));
        }
        self.version = self.version.saturating_add(1);
        self.generated = self.generated.max(now);
        Ok(true)
    }

    fn of_any_authority(&self) -> impl Iterator<Item = &Certificates> {
        self.sections.iter().filter_map(|section| match section {
            Section::Certificates(certificates) if certificates.authority.is_empty() => Some(certificates),
            _ => None,
        })
    }
}

impl Certificates {
    fn decode(data: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader(data);
        let authority = reader.string()?.to_vec();
        let reserved = reader.string()?.to_vec();
        let mut sections = Vec::new();
        while !reader.0.is_empty() {
            sections.push((reader.u8()?, reader.string()?.to_vec()));
        }
        Ok(Self { authority, reserved, sections })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        string(&mut bytes, &self.authority);
        string(&mut bytes, &self.reserved);
        for (kind, data) in &self.sections {
            bytes.push(*kind);
            string(&mut bytes, data);
        }
        bytes
    }

    /// Whether this holds key ids for any authority and nothing else. An extension may
    /// describe the key ids behind it, as a filter that would no longer fit.
    fn is_ours(&self) -> bool {
        self.authority.is_empty() && self.sections.iter().all(|(kind, _)| *kind == KEY_IDS)
    }

    /// Until when this is needed, if it is ours and says so.
    fn until(&self) -> Option<u64> {
        let text = str::from_utf8(&self.reserved).ok()?.strip_prefix(UNTIL)?;
        text.parse().ok().filter(|_| self.is_ours())
    }

    fn names(&self, key_id: &str) -> Result<bool, Fault> {
        for (_, data) in self.sections.iter().filter(|(kind, _)| *kind == KEY_IDS) {
            let mut reader = Reader(data);
            while !reader.0.is_empty() {
                if reader.string()? == key_id.as_bytes() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn add(&mut self, key_id: &str) {
        if let Some((KEY_IDS, data)) = self.sections.last_mut() {
            string(data, key_id.as_bytes());
        } else {
            let mut data = Vec::new();
            string(&mut data, key_id.as_bytes());
            self.sections.push((KEY_IDS, data));
        }
    }
}

/// Until when what is revoked at this moment is needed.
const fn kept_until(now: u64) -> u64 {
    (now / PERIOD).saturating_add(1).saturating_mul(PERIOD).saturating_add(KEPT)
}

fn string(bytes: &mut Vec<u8>, content: &[u8]) {
    let length = u32::try_from(content.len()).expect("a list is a file of at most 16 MiB");
    bytes.extend(length.to_be_bytes());
    bytes.extend_from_slice(content);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Fault::Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Fault::Damaged)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn u8(&mut self) -> Result<u8, Fault> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_be_bytes)
    }

    fn string(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(self.u32()?).map_err(|_| Fault::Damaged)?;
        self.bytes(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..12)
    }

    fn key_ids() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec("[a-z]{1,3}", 1..4).prop_map(|ids| {
            let mut data = Vec::new();
            for id in ids {
                string(&mut data, id.as_bytes());
            }
            data
        })
    }

    fn sections() -> impl Strategy<Value = Section> {
        let inner = prop_oneof![
            key_ids().prop_map(|data| (KEY_IDS, data)),
            (prop_oneof![Just(0x20u8), Just(0x39), Just(0x7f)], bytes()),
        ];
        let certificates =
            (prop_oneof![Just(Vec::new()), bytes()], bytes(), prop::collection::vec(inner, 0..4)).prop_map(
                |(authority, reserved, sections)| {
                    Section::Certificates(Certificates { authority, reserved, sections })
                },
            );
        let other = (prop_oneof![Just(2u8), Just(3), Just(5), Just(255)], bytes())
            .prop_map(|(kind, data)| Section::Other { kind, data });
        prop_oneof![certificates, other]
    }

    fn lists() -> impl Strategy<Value = RevocationList> {
        (any::<[u64; 3]>(), bytes(), bytes(), prop::collection::vec(sections(), 0..4)).prop_map(
            |([version, generated, flags], reserved, comment, sections)| RevocationList {
                version,
                generated,
                flags,
                reserved,
                comment,
                sections,
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(list in lists()) {
            let bytes = list.encode();
            let read = RevocationList::decode(&bytes).unwrap();
            prop_assert_eq!(read.encode(), bytes);
            prop_assert_eq!(read, list);
        }

        #[test]
        fn revoking_adds_and_takes_nothing_away(list in lists(), key_id in "[a-z]{1,4}", now in any::<u64>()) {
            let mut after = list.clone();
            let was = list.revokes(&key_id).unwrap();
            prop_assert_eq!(after.revoke(&key_id, now).unwrap(), !was);
            prop_assert!(after.revokes(&key_id).unwrap());
            if was {
                prop_assert_eq!(&after, &list);
            } else {
                prop_assert_eq!(after.version, list.version.saturating_add(1));
                prop_assert_eq!(after.generated, now.max(list.generated));
                let added = after.encode().len() - list.encode().len();
                prop_assert!(added <= 5 + 8 + UNTIL.len() + 20 + 5 + 4 + key_id.len(), "{}", added);
            }
            // Every section that was there is there, with no less in it.
            for (before, now) in list.sections.iter().zip(&after.sections) {
                match (before, now) {
                    (Section::Certificates(before), Section::Certificates(now)) => {
                        prop_assert_eq!(&before.authority, &now.authority);
                        for ((kind, data), (now_kind, now_data)) in before.sections.iter().zip(&now.sections) {
                            prop_assert_eq!(kind, now_kind);
                            prop_assert!(now_data.starts_with(data));
                        }
                        prop_assert!(now.sections.len() >= before.sections.len());
                    }
                    (before, now) => prop_assert_eq!(before, now),
                }
            }
            prop_assert!(after.sections.len() >= list.sections.len());
            prop_assert_eq!(RevocationList::decode(&after.encode()).unwrap(), after);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in bytes(), list in lists(), cut in any::<prop::sample::Index>()) {
            let _ = RevocationList::decode(&bytes);
            let whole = list.encode();
            let cut = cut.index(whole.len());
            // A list cut short is refused, unless a whole section is what is missing.
            if let Ok(shorter) = RevocationList::decode(&whole[..cut]) {
                prop_assert!(list.sections.starts_with(&shorter.sections));
            }
        }
    }

    const START: u64 = 1_800_000_000;

    /// Whether key ids are revoked after these were, one after the other, each on a day.
    fn left<const N: usize>(revoked: &[(&str, u64)], ids: [&str; N]) -> [bool; N] {
        let mut list = RevocationList::new(START);
        for (key_id, day) in revoked {
            list.revoke(key_id, START + day * DAY).unwrap();
            list = RevocationList::decode(&list.encode()).unwrap();
        }
        ids.map(|key_id| list.revokes(key_id).unwrap())
    }

    #[test]
    fn what_expired_long_ago_is_forgotten() {
        // The longest certificate is good for 366 days.
        let early = [("a", 0), ("b", 40), ("c", 400), ("d", 700)];
        assert_eq!(left(&early, ["a", "b", "c", "d"]), [true; 4]);
        let late = [early.as_slice(), &[("e", 800), ("f", 801)]].concat();
        assert_eq!(left(&late, ["a", "b", "c", "d", "e", "f"]), [false, false, true, true, true, true]);
    }

    #[test]
    fn a_list_does_not_grow_for_ever() {
        let mut list = RevocationList::new(START);
        let mut longest = 0;
        for day in 0..4000 {
            assert!(list.revoke(&format!("K_{day:08}"), START + day * DAY).unwrap());
            longest = longest.max(list.sections.len());
        }
        assert!(longest <= 27, "{longest}");
        let bytes = list.encode().len();
        assert!(bytes < 800 * 14 + 27 * 64, "{bytes}");
    }

    #[test]
    fn a_wrong_clock_takes_no_revocation_away() {
        // Once far in the future.
        assert_eq!(left(&[("a", 0), ("b", 100_000), ("c", 1)], ["a", "b", "c"]), [true; 3]);
        // In the past, for a while: what was revoked then is kept for ever.
        let mut list = RevocationList::new(START);
        for (key_id, now) in
            [("a", 5), ("b", 6), ("c", START + 1), ("d", START + 2), ("e", START + 5000 * DAY)]
        {
            list.revoke(key_id, now).unwrap();
        }
        list.revoke("f", START + 5001 * DAY).unwrap();
        let left = ["a", "b", "c", "d", "e", "f"].map(|key_id| list.revokes(key_id).unwrap());
        assert_eq!(left, [true, true, false, false, true, true]);
    }

    #[test]
    fn what_others_revoked_is_not_forgotten() {
        let mut data = Vec::new();
        string(&mut data, b"theirs");
        let theirs = |reserved: &str, authority: &[u8], kind| {
            Section::Certificates(Certificates {
                authority: authority.to_vec(),
                reserved: reserved.as_bytes().to_vec(),
                sections: vec![(kind, data.clone())],
            })
        };
        let sections = vec![
            theirs("", b"", KEY_IDS),
            theirs("keyway until soon", b"", KEY_IDS),
            theirs("keyway until 5", b"authority", KEY_IDS),
            theirs("keyway until 5", b"", 0x20),
            Section::Other { kind: 2, data: b"keyway until 5".to_vec() },
        ];
        let mut list = RevocationList { sections: sections.clone(), ..RevocationList::new(START) };
        for day in [1, 5000, 5001] {
            list.revoke(&format!("{day}"), START + day * DAY).unwrap();
        }
        assert!(list.sections.starts_with(&sections));
        assert!(!list.revokes("1").unwrap() && list.revokes("5000").unwrap());
    }

    #[test]
    fn lists_that_must_not_be_changed_are_refused() {
        let empty = RevocationList::new(0).encode();
        assert_eq!(RevocationList::decode(b""), Err(Fault::NotAList));
        assert_eq!(RevocationList::decode(b"ssh-ed25519 AAAA\n"), Err(Fault::NotAList));
        let mut newer = empty.clone();
        newer[11] = 2;
        assert_eq!(RevocationList::decode(&newer), Err(Fault::Version(2)));
        let signed = [empty.as_slice(), &[SIGNATURE, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(RevocationList::decode(&signed), Err(Fault::Signed));
        assert_eq!(RevocationList::decode(&[empty.as_slice(), &[5]].concat()), Err(Fault::Damaged));
    }
}
