//! The sealed record of a secret. It is bound to its place, and checked when it is opened.
//!
//! ```text
//! format (1 byte) | key id (8) | length of the header token (4) | header token | value token
//! ```
//!
//! Both tokens start with the same fields: the store's mark, id, version, dates, media kind, environment, name,
//! description. The value token continues with the end of the header token, and then the value. So a `get` opens only
//! the value token, and a `list` only the header token. Opening a value proves that both tokens belong to the same
//! version of the same secret.

use keyway_core::{MediaKind, SecretValue, Structured, Timestamp};
use keyway_seal::KeyId;
use keyway_secrets::{
    EnvironmentName, Secret, SecretAddress, SecretHeader, SecretName, SecretVersion, StoreError,
};
use zeroize::Zeroizing;

use crate::handle::StoreKeys;
use crate::layout::StoreMark;
use crate::structured_codec::{MAX_DEPTH, put_structured, read_structured};
use crate::value_size::value_bytes;
use keyway_core::codec::{Malformed, Reader, put_bytes, put_optional, put_text, put_u64};

const WHAT: &str = "the record of a secret";
const FORMAT: u8 = 1;
const HEADER_TAG: u8 = b'H';
const VALUE_TAG: u8 = b'V';
/// The length of the part of the header token that the value token repeats: 24 bytes of its signature, in Base64.
const TAIL_BYTES: usize = 32;
const ID_BYTES: usize = 16;

/// The fields of a secret that its record holds, except the value.
#[derive(Debug)]
pub(crate) struct SecretRecord {
    pub(crate) id: [u8; ID_BYTES],
    pub(crate) version: SecretVersion,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) address: SecretAddress,
    pub(crate) description: Option<String>,
}

impl SecretRecord {
    /// Makes a record for a new secret, with a random id.
    pub(crate) fn new(
        address: SecretAddress,
        description: Option<String>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut id = [0; ID_BYTES];
        getrandom::fill(&mut id).map_err(|error| StoreError::system("draw an id", error))?;
        Ok(Self { id, version: SecretVersion::FIRST, created: now, modified: now, address, description })
    }

    pub(crate) fn header(&self) -> SecretHeader {
        SecretHeader::new(hex(&self.id), self.address.clone())
            .with_description(self.description.clone())
            .with_version(self.version)
            .with_dates(self.created, self.modified)
    }

    pub(crate) fn into_secret(self, value: SecretValue) -> Secret {
        Secret { header: self.header(), value }
    }

    /// Seals the record. Returns the bytes to store.
    pub(crate) fn seal(&self, value: &SecretValue, keys: StoreKeys<'_>) -> Result<Vec<u8>, StoreError> {
        let value_bytes = value_bytes(value);
        let kind = value.kind();
        let header = self.fields(HEADER_TAG, keys.store, kind, 0)?;
        let mut plaintext = self.fields(VALUE_TAG, keys.store, kind, TAIL_BYTES + value_bytes)?;
        let mut record = Vec::with_capacity(sealed_bytes(header.len(), value_bytes));
        put_beginning(&mut record, &header, keys)?;
        plaintext.extend_from_slice(tail(&record));
        match value {
            SecretValue::Structured(structured) => {
                if !put_structured(&mut plaintext, structured) {
                    let reason = format!("it is nested deeper than {MAX_DEPTH} levels");
                    return Err(StoreError::invalid("the value", reason));
                }
            }
            other => plaintext
                .extend_from_slice(other.expose_bytes().ok_or(StoreError::UnsupportedValue { kind })?),
        }
        keys.ring.seal_into(&plaintext, &mut record).map_err(StoreError::from_seal)?;
        Ok(record)
    }

    /// Returns the length of the sealed record for a value of `value_bytes` bytes.
    pub(crate) fn sealed_bytes(&self, value_bytes: usize) -> usize {
        sealed_bytes(self.fields_bytes(), value_bytes)
    }

    /// Returns the length of the output of [`fields`](Self::fields).
    fn fields_bytes(&self) -> usize {
        let optional = |text: Option<&str>| 1 + text.map_or(0, |text| 4 + text.len());
        let fixed = 1 + size_of::<StoreMark>() + ID_BYTES + 3 * size_of::<u64>() + 1;
        fixed
            + optional(self.address.environment.as_ref().map(EnvironmentName::as_str))
            + 4
            + self.address.name.as_str().len()
            + optional(self.description.as_deref())
    }

    fn fields(
        &self,
        tag: u8,
        store: StoreMark,
        kind: MediaKind,
        extra: usize,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let environment = self.address.environment.as_ref().map(EnvironmentName::as_str);
        let text_bytes = environment.map_or(0, str::len)
            + self.address.name.as_str().len()
            + self.description.as_ref().map_or(0, String::len);
        // The capacity suffices for everything, because a vector that grows would leave an unwiped copy behind.
        let mut out = Zeroizing::new(Vec::with_capacity(72 + text_bytes + extra));
        out.push(tag);
        out.extend_from_slice(&store.0);
        out.extend_from_slice(&self.id);
        put_u64(&mut out, self.version.number());
        put_u64(&mut out, self.created.as_milliseconds());
        put_u64(&mut out, self.modified.as_milliseconds());
        out.push(kind_code(kind).ok_or(StoreError::UnsupportedValue { kind })?);
        put_optional(&mut out, environment, put_text);
        put_bytes(&mut out, self.address.name.as_str().as_bytes());
        put_optional(&mut out, self.description.as_deref(), put_text);
        Ok(out)
    }
}

/// A stored record that is not opened yet.
#[derive(Clone, Copy)]
pub(crate) struct SealedRecord<'a> {
    pub(crate) sealed_by: KeyId,
    header_token: &'a [u8],
    value_token: &'a [u8],
}

impl<'a> SealedRecord<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let mut reader = Reader::new(bytes);
        let format = reader.byte().map_err(damaged)?;
        if format != FORMAT {
            return Err(StoreError::corrupt(WHAT, format!("format {format} where {FORMAT} was expected")));
        }
        let sealed_by = KeyId::from_bytes(reader.array().map_err(damaged)?);
        let header_token = reader.bytes().map_err(damaged)?;
        Ok(Self { sealed_by, header_token, value_token: reader.rest() })
    }

    /// Opens the value and checks that the record belongs to `address`.
    pub(crate) fn open_at(
        &self,
        address: &SecretAddress,
        keys: StoreKeys<'_>,
    ) -> Result<(SecretRecord, SecretValue), StoreError> {
        let (record, value) = self.open(keys)?;
        if record.address != *address {
            return Err(exchanged());
        }
        Ok((record, value))
    }

    /// Opens the value without checking the address of the record.
    pub(crate) fn open(&self, keys: StoreKeys<'_>) -> Result<(SecretRecord, SecretValue), StoreError> {
        let plaintext = keys
            .ring
            .open_with(self.sealed_by, self.value_token)
            .map_err(|error| StoreError::from_open(WHAT, &error))?;
        let mut reader = Reader::new(&plaintext);
        read_place(&mut reader, VALUE_TAG, keys.store)?;
        let (record, kind) = read_fields(&mut reader).map_err(damaged)?;
        if reader.take(TAIL_BYTES).map_err(damaged)? != tail(self.header_token) {
            return Err(exchanged());
        }
        let value = read_value(kind, reader).map_err(damaged)?;
        Ok((record, value))
    }

    /// Reseals the record with the first of `keys`, without parsing the content.
    pub(crate) fn reseal(&self, keys: StoreKeys<'_>) -> Result<Vec<u8>, StoreError> {
        let mut plaintext = keys
            .ring
            .open_with(self.sealed_by, self.value_token)
            .map_err(|error| StoreError::from_open(WHAT, &error))?;
        let mut reader = Reader::new(&plaintext);
        read_place(&mut reader, VALUE_TAG, keys.store)?;
        skip_fields(&mut reader).map_err(damaged)?;
        let fields = plaintext.len() - reader.rest().len();
        if plaintext.get(fields..fields + TAIL_BYTES) != Some(tail(self.header_token)) {
            return Err(exchanged());
        }
        let mut header = Zeroizing::new(plaintext[..fields].to_vec());
        header[0] = HEADER_TAG;

        let mut record =
            Vec::with_capacity(1 + 8 + 4 + keyway_seal::token_len(fields) + self.value_token.len());
        put_beginning(&mut record, &header, keys)?;
        plaintext[fields..fields + TAIL_BYTES].copy_from_slice(tail(&record));
        keys.ring.seal_into(&plaintext, &mut record).map_err(StoreError::from_seal)?;
        Ok(record)
    }

    /// Opens only the header. If the value token belongs to another version of the same secret, only opening the value
    /// detects that.
    pub(crate) fn open_header(&self, keys: StoreKeys<'_>) -> Result<SecretRecord, StoreError> {
        let plaintext = keys
            .ring
            .open_with(self.sealed_by, self.header_token)
            .map_err(|error| StoreError::from_open(WHAT, &error))?;
        let mut reader = Reader::new(&plaintext);
        read_place(&mut reader, HEADER_TAG, keys.store)?;
        let (record, _) = read_fields(&mut reader).map_err(damaged)?;
        if !reader.rest().is_empty() {
            return Err(damaged(Malformed { expected: "the end of the header" }));
        }
        Ok(record)
    }
}

/// Returns the length of a record. `fields` and `value` are the lengths in bytes of its two parts.
fn sealed_bytes(fields: usize, value: usize) -> usize {
    1 + 8 + 4 + keyway_seal::token_len(fields) + keyway_seal::token_len(fields + TAIL_BYTES + value)
}

/// Appends all parts of a record that precede the value token.
fn put_beginning(record: &mut Vec<u8>, header: &[u8], keys: StoreKeys<'_>) -> Result<(), StoreError> {
    let length = u32::try_from(keyway_seal::token_len(header.len())).unwrap_or(u32::MAX);
    record.push(FORMAT);
    record.extend_from_slice(&keys.ring.primary_id().to_bytes());
    record.extend_from_slice(&length.to_le_bytes());
    keys.ring.seal_into(header, record).map_err(StoreError::from_seal)?;
    Ok(())
}

pub(crate) fn exchanged() -> StoreError {
    StoreError::corrupt(WHAT, "it was sealed for another place or another version")
}

fn damaged(malformed: Malformed) -> StoreError {
    StoreError::corrupt(WHAT, format!("expected {}", malformed.expected))
}

fn tail(token: &[u8]) -> &[u8] {
    &token[token.len().saturating_sub(TAIL_BYTES)..]
}

fn kind_code(kind: MediaKind) -> Option<u8> {
    match kind {
        MediaKind::Text => Some(1),
        MediaKind::Bytes => Some(2),
        MediaKind::Structured => Some(3),
        _ => None,
    }
}

fn read_place(reader: &mut Reader<'_>, tag: u8, store: StoreMark) -> Result<(), StoreError> {
    if reader.byte().map_err(damaged)? == tag && reader.array().map_err(damaged)? == store.0 {
        Ok(())
    } else {
        Err(exchanged())
    }
}

fn read_fields(reader: &mut Reader<'_>) -> Result<(SecretRecord, u8), Malformed> {
    let id = reader.array()?;
    let version =
        SecretVersion::new(reader.u64()?).ok_or(Malformed { expected: "a version of 1 or more" })?;
    let created = Timestamp::from_milliseconds(reader.u64()?);
    let modified = Timestamp::from_milliseconds(reader.u64()?);
    let kind = reader.byte()?;
    let environment = match reader.optional(Reader::text)? {
        None => None,
        Some(name) => {
            Some(EnvironmentName::new(name).map_err(|_| Malformed { expected: "an environment name" })?)
        }
    };
    let name = SecretName::of_existing(reader.text()?);
    let description = reader.optional(Reader::text)?.map(str::to_owned);
    let address = SecretAddress { environment, name };
    Ok((SecretRecord { id, version, created, modified, address, description }, kind))
}

/// Skips the fields that [`read_fields`] reads.
fn skip_fields(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    reader.take(ID_BYTES + 3 * 8 + 1)?;
    reader.optional(Reader::text)?;
    reader.bytes()?;
    reader.optional(Reader::text)?;
    Ok(())
}

fn read_value(kind: u8, mut reader: Reader<'_>) -> Result<SecretValue, Malformed> {
    match kind {
        1 => {
            let text =
                std::str::from_utf8(reader.rest()).map_err(|_| Malformed { expected: "UTF-8 text" })?;
            Ok(SecretValue::text(text))
        }
        2 => Ok(SecretValue::bytes(reader.rest())),
        3 => {
            let structured: Structured = read_structured(&mut reader)?;
            if reader.rest().is_empty() {
                Ok(SecretValue::Structured(structured))
            } else {
                Err(Malformed { expected: "the end of the value" })
            }
        }
        _ => Err(Malformed { expected: "a known kind of value" }),
    }
}

/// Writes bytes as hexadecimal digits. It runs on every read, and the formatting of the standard library would take ten
/// times as long.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_seal::{Key, KeyRing};

    fn ring() -> KeyRing {
        KeyRing::new([Key::generate().unwrap()]).unwrap()
    }

    fn of(ring: &KeyRing) -> StoreKeys<'_> {
        StoreKeys { ring, store: StoreMark([3; 8]) }
    }

    fn address(environment: Option<&str>, name: &str) -> SecretAddress {
        SecretAddress {
            environment: environment.map(|name| EnvironmentName::new(name).unwrap()),
            name: SecretName::new(name).unwrap(),
        }
    }

    fn record(address: SecretAddress) -> SecretRecord {
        SecretRecord::new(address, Some("what for".into()), Timestamp::from_milliseconds(1234)).unwrap()
    }

    #[test]
    fn both_halves_come_back() {
        let keys = ring();
        let record = record(address(Some("staging"), "db"));
        for value in [SecretValue::text("päss"), SecretValue::bytes([0, 255]), SecretValue::text("")] {
            let bytes = record.seal(&value, of(&keys)).unwrap();
            let sealed = SealedRecord::parse(&bytes).unwrap();
            let (opened, back) = sealed.open_at(&record.address, of(&keys)).unwrap();
            assert!(back.same_as(&value));
            assert_eq!(opened.header(), record.header());
            assert_eq!(sealed.open_header(of(&keys)).unwrap().header(), record.header());
        }
    }

    #[test]
    fn a_record_sealed_anew_says_the_same_under_another_key() {
        let (old, new) = (ring(), ring());
        let both = new.with_retiring(&old);
        for record in [record(address(Some("staging"), "db")), record(address(None, "a"))] {
            for value in [SecretValue::text("päss"), SecretValue::bytes([0; 100]), SecretValue::text("")] {
                let bytes = record.seal(&value, of(&old)).unwrap();
                let moved = SealedRecord::parse(&bytes).unwrap().reseal(of(&both)).unwrap();
                assert_eq!(moved.len(), bytes.len());
                let sealed = SealedRecord::parse(&moved).unwrap();
                let (opened, back) = sealed.open_at(&record.address, of(&new)).unwrap();
                assert!(back.same_as(&value));
                assert_eq!(opened.header(), record.header());
                assert_eq!(sealed.open_header(of(&new)).unwrap().header(), record.header());
            }
        }
    }

    #[test]
    fn a_record_in_anothers_place_is_refused() {
        let keys = ring();
        let bytes = record(address(None, "a")).seal(&SecretValue::text("x"), of(&keys)).unwrap();
        let sealed = SealedRecord::parse(&bytes).unwrap();
        for other in [address(None, "b"), address(Some("a"), "a")] {
            assert!(matches!(sealed.open_at(&other, of(&keys)), Err(StoreError::Corrupt { .. })));
        }
    }

    #[test]
    fn a_record_of_another_store_is_refused() {
        let keys = ring();
        let bytes = record(address(None, "a")).seal(&SecretValue::text("x"), of(&keys)).unwrap();
        let sealed = SealedRecord::parse(&bytes).unwrap();
        let other = StoreKeys { ring: &keys, store: StoreMark([4; 8]) };
        assert!(matches!(sealed.open(other), Err(StoreError::Corrupt { .. })));
        assert!(matches!(sealed.open_header(other), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn halves_of_two_versions_do_not_fit() {
        let keys = ring();
        let mut record = record(address(None, "a"));
        let first = record.seal(&SecretValue::text("x"), of(&keys)).unwrap();
        record.version = record.version.next();
        let second = record.seal(&SecretValue::text("x"), of(&keys)).unwrap();
        let (first, second) = (SealedRecord::parse(&first).unwrap(), SealedRecord::parse(&second).unwrap());
        let mixed = SealedRecord { value_token: second.value_token, ..first };
        assert!(matches!(mixed.open(of(&keys)), Err(StoreError::Corrupt { .. })));
        let turned = SealedRecord { value_token: first.header_token, ..first };
        assert!(matches!(turned.open(of(&keys)), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let keys = ring();
        let home = address(None, "a");
        let bytes = record(home.clone()).seal(&SecretValue::text("value"), of(&keys)).unwrap();
        let reads = |bytes: &[u8]| {
            let sealed = SealedRecord::parse(bytes)?;
            sealed.open_header(of(&keys))?;
            sealed.open_at(&home, of(&keys))
        };
        assert!(reads(&bytes).is_ok());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(reads(&flipped).is_err(), "bit {bit} of byte {at}");
            }
            assert!(reads(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn another_key_is_named() {
        let keys = ring();
        let bytes = record(address(None, "a")).seal(&SecretValue::text("x"), of(&keys)).unwrap();
        let error = SealedRecord::parse(&bytes).unwrap().open(of(&ring())).unwrap_err();
        assert!(
            matches!(error, StoreError::WrongKey { sealed_by: Some(id), .. } if id == keys.primary_id()),
            "{error}"
        );
    }
}
