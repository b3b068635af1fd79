//! The stored form of the account.

use keyway_core::Wiped;
use keyway_core::codec::{Malformed, Reader, put_bytes, put_optional, put_text};

const SCHEMA: u8 = 1;

/// The account of a connection: its key, its URL, and the key that will replace the current one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountRecord {
    /// The key in PKCS#8.
    pub(crate) key: Wiped<Vec<u8>>,
    /// The URL at the server, once the account was made.
    pub(crate) url: Option<String>,
    /// The next key in PKCS#8, stored before the server learns of it.
    pub(crate) pending: Option<Wiped<Vec<u8>>>,
}

impl AccountRecord {
    pub(crate) fn encode(&self) -> Wiped<Vec<u8>> {
        // The capacity suffices for the whole record, because a buffer that grows leaves an unwiped copy behind.
        // Each of the three parts has a few bytes of its own before it.
        let pending = self.pending.as_ref().map_or(0, |key| key.len());
        let parts = self.key.len() + self.url.as_ref().map_or(0, String::len) + pending;
        let mut out = Wiped::new(Vec::with_capacity(parts + 64));
        out.push(SCHEMA);
        put_bytes(&mut out, &self.key);
        put_optional(&mut out, self.url.as_deref(), put_text);
        put_optional(&mut out, self.pending.as_ref(), |out, key| put_bytes(out, key));
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != SCHEMA {
            return Err(Malformed { expected: "schema 1: use a newer program" });
        }
        let key = Wiped::new(reader.bytes()?.to_vec());
        let url = reader.optional(|reader| reader.text().map(str::to_owned))?;
        let pending = reader.optional(|reader| reader.bytes().map(|key| Wiped::new(key.to_vec())))?;
        reader.end()?;
        Ok(Self { key, url, pending })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_url_leaves_no_copy_of_the_key() {
        let key = || Wiped::new(vec![7; 99]);
        let record = AccountRecord { key: key(), url: Some("u".repeat(5000)), pending: Some(key()) };
        let encoded = record.encode();
        // A buffer that grows doubles its capacity.
        assert!(encoded.capacity() < encoded.len() + 100, "{} of {}", encoded.len(), encoded.capacity());
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(
            key in prop::collection::vec(any::<u8>(), 0..99),
            url in prop::option::of(".*"),
            pending in prop::option::of(prop::collection::vec(any::<u8>(), 0..99)),
        ) {
            let record = AccountRecord { key: Wiped::new(key), url, pending: pending.map(Wiped::new) };
            let encoded = record.encode();
            prop_assert_eq!(&AccountRecord::decode(&encoded).unwrap(), &record);
            for length in 0..encoded.len() {
                prop_assert!(AccountRecord::decode(&encoded[..length]).is_err());
            }
        }

        #[test]
        fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = AccountRecord::decode(&[&[SCHEMA], &bytes[..]].concat());
        }
    }
}
