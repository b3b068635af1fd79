//! OpenSSH's key revocation lists, in the format of `PROTOCOL.krl` of OpenSSH.
//!
//! The module keeps unknown sections byte for byte, because other programs may write to a list.
//!
//! The format has no field for the time until which a revocation is needed. So key ids that are needed until
//! the same hour share a section, with the hour in its field `reserved`, which OpenSSH ignores. A program that
//! rewrites the list drops that field; then these key ids are kept for ever. The field `reserved` of the whole list has
//! the time of the last change if a change before it had a later time.

/// A key revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RevocationList {
    /// The number of the list, which increases with each change.
    version: u64,
    /// The latest time of a change, in seconds since 1970.
    generated: u64,
    flags: u64,
    /// The time of the last change, if it is not `generated`, or a text of another program.
    reserved: Vec<u8>,
    comment: Vec<u8>,
    sections: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Section {
    Certificates(Certificates),
    Other { kind: u8, data: Vec<u8> },
}

/// The revoked certificates of one authority.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Certificates {
    /// The key of the authority in SSH's encoding. Empty if the section applies to every authority.
    authority: Vec<u8>,
    reserved: Vec<u8>,
    sections: Vec<(u8, Vec<u8>)>,
}

/// The time by which the certificates of a revocation have expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    /// The time, in seconds since 1970.
    pub(super) at: u64,
    /// Whether the time does not depend on the present clock.
    pub(super) is_certain: bool,
}

/// Bytes that are not a key revocation list, or a list that cannot be changed.
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

/// The seconds for which a key id stays in the list after all certificates have expired, because clocks differ.
const CLOCK_MARGIN: u64 = 24 * 3600;
/// The length in seconds of the periods whose key ids share a section.
const PERIOD: u64 = 3600;
/// The beginning of the field `reserved` of a section; seconds since 1970 follow.
const UNTIL: &str = "keyway until ";
/// The beginning of the field `reserved` of a list; seconds since 1970 follow.
const LAST_CHANGE: &str = "keyway last change ";

impl RevocationList {
    /// The empty list, before its first change.
    pub(super) const EMPTY: Self = Self {
        version: 0,
        generated: 0,
        flags: 0,
        reserved: Vec::new(),
        comment: Vec::new(),
        sections: Vec::new(),
    };

    /// Reads a list. A text without keys is the empty list, as in OpenSSH.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        if is_blank(bytes) {
            return Ok(Self::EMPTY);
        }
        let mut reader = Reader(bytes);
        if reader.bytes(MAGIC.len()).map_err(|_| Fault::NotAList)? != MAGIC {
            return Err(Fault::NotAList);
        }
        match reader.u32()? {
            FORMAT_VERSION => {}
            other => return Err(Fault::Version(other)),
        }
        let mut list = Self::EMPTY;
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
        let mut bytes = Vec::with_capacity(self.encoded_len());
        bytes.extend(MAGIC);
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
                    bytes.extend(length_of(certificates.encoded_len()));
                    certificates.encode(&mut bytes);
                }
                Section::Other { kind, data } => {
                    bytes.push(*kind);
                    string(&mut bytes, data);
                }
            }
        }
        bytes
    }

    /// Returns the number of the list, which increases with each change.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Returns the length of the encoded list, so that a buffer need not grow.
    fn encoded_len(&self) -> usize {
        let sections = self.sections.iter().map(|section| match section {
            Section::Certificates(certificates) => 5 + certificates.encoded_len(),
            Section::Other { data, .. } => 5 + data.len(),
        });
        44 + self.reserved.len() + self.comment.len() + sections.sum::<usize>()
    }

    /// Tells whether the list revokes this key id for every authority.
    pub(super) fn revokes(&self, key_id: &str) -> Result<bool, Fault> {
        for certificates in self.of_any_authority() {
            if certificates.names(key_id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Revokes the certificates with this key id for every authority, and removes expired entries. The certificates
    /// expire at `expiry` at the latest. Returns false, and changes nothing, if they were revoked already.
    pub(super) fn revoke(&mut self, key_id: &str, now: u64, expiry: Expiry) -> Result<bool, Fault> {
        if self.revokes(key_id)? {
            return Ok(false);
        }
        // If this time is long before that of an earlier change, the clock is or was wrong by an unknown amount. Then
        // the new revocation is kept for ever, unless its expiry is certain (decision H366). Clocks of several hosts
        // differ less; their revocations are kept longer by the difference. Entries are removed only if they had
        // expired at the last change too, so a time far in the future removes nothing unless the change before or
        // after it has one, too.
        let late = self.generated.saturating_sub(now);
        let kept = expiry.at.saturating_add(late.min(CLOCK_MARGIN)).saturating_add(CLOCK_MARGIN);
        let until = (late <= CLOCK_MARGIN || expiry.is_certain).then(|| end_of_period(kept));
        let passed = now.min(self.last_change());
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
        self.set_last_change(now);
        Ok(true)
    }

    /// Returns the time of the last change, or the beginning of 1970 if it is not known, because another program uses
    /// the field. Then no entry is removed.
    fn last_change(&self) -> u64 {
        if self.reserved.is_empty() {
            return self.generated;
        }
        let time =
            str::from_utf8(&self.reserved).ok().and_then(|text| text.strip_prefix(LAST_CHANGE)?.parse().ok());
        time.unwrap_or_default()
    }

    fn set_last_change(&mut self, now: u64) {
        self.generated = self.generated.max(now);
        if self.reserved.is_empty() || self.reserved.starts_with(LAST_CHANGE.as_bytes()) {
            let is_latest = now == self.generated;
            self.reserved = if is_latest { Vec::new() } else { format!("{LAST_CHANGE}{now}").into_bytes() };
        }
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

    fn encode(&self, bytes: &mut Vec<u8>) {
        string(bytes, &self.authority);
        string(bytes, &self.reserved);
        for (kind, data) in &self.sections {
            bytes.push(*kind);
            string(bytes, data);
        }
    }

    /// Returns the length of the encoded section.
    fn encoded_len(&self) -> usize {
        let sections = self.sections.iter().map(|(_, data)| 5 + data.len());
        8 + self.authority.len() + self.reserved.len() + sections.sum::<usize>()
    }

    /// Tells whether this section holds only key ids for every authority, so that another key id can be added. A
    /// section with an extension cannot be changed: the extension may cover the key ids.
    fn is_ours(&self) -> bool {
        self.authority.is_empty() && self.sections.iter().all(|(kind, _)| *kind == KEY_IDS)
    }

    /// Returns the time until which this section is needed, if it holds only our key ids and states the time.
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

/// Returns the end of the period that a time falls into.
pub(super) const fn end_of_period(time: u64) -> u64 {
    time.div_ceil(PERIOD).saturating_mul(PERIOD)
}

/// Tells whether OpenSSH reads a text as a list without keys.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').all(|line| {
        let first = line.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
        first.is_none_or(|first| *first == b'#')
    })
}

fn string(bytes: &mut Vec<u8>, content: &[u8]) {
    bytes.extend(length_of(content.len()));
    bytes.extend_from_slice(content);
}

fn length_of(content: usize) -> [u8; 4] {
    u32::try_from(content).expect("a list is a file of at most 16 MiB").to_be_bytes()
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
mod tests;
