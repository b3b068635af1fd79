//! The stored form of an authority.

use keyway_core::Wiped;
use keyway_core::codec::{Malformed, Reader, put_bytes, put_optional, put_text, put_u32};
use keyway_x509::{MAX_CHAIN_BYTES, MAX_INTERMEDIATES};

use crate::chain_limits::ChainLimits;
use crate::pem::is_acceptable_chain;

/// The schema of the record.
const SCHEMA: u8 = 1;

/// An authority: its description, its certificate, and its key, which is destroyed when the authority is deleted.
///
/// The record of a deleted authority stays without a key and certificates, so that its id is never used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorityRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// The id of the authority that signed the certificate, if it belongs to this connection.
    pub(crate) parent: Option<String>,
    /// The key in PKCS#8. `None` when the authority is deleted.
    pub(crate) key: Option<Wiped<Vec<u8>>>,
    /// The certificate in DER.
    pub(crate) certificate: Vec<u8>,
    /// The certificates in DER between this authority and the root, without these two. If the issuer of this authority
    /// is not the root, the certificate of the issuer is the first one.
    pub(crate) issuers: Vec<Vec<u8>>,
    /// The limits of the chain to the root. They are empty for an authority that the plugin made, whose certificate
    /// keeps within them.
    pub(crate) limits: ChainLimits,
}

impl AuthorityRecord {
    /// Checks that a host accepts the chain of the certificates that the authority signs. The error is a reason.
    pub(crate) fn check_chain(&self) -> Result<(), String> {
        let chain = [std::slice::from_ref(&self.certificate), &self.issuers].concat();
        if is_acceptable_chain(&chain) {
            return Ok(());
        }
        Err(format!(
            "the chain to the root would have more than {MAX_INTERMEDIATES} certificates or {MAX_CHAIN_BYTES} bytes: \
             use a shorter subject, or a parent nearer to the root"
        ))
    }

    pub(crate) fn encode(&self) -> Wiped<Vec<u8>> {
        let long = [&self.certificate[..]].into_iter().chain(self.issuers.iter().map(Vec::as_slice));
        let room = long.map(<[u8]>::len).sum::<usize>() + self.key.as_ref().map_or(0, |key| key.len());
        let description = self.description.as_ref().map_or(0, String::len);
        // The capacity suffices for everything, because a buffer that grows would leave a copy of the key behind.
        let texts =
            self.id.len() + self.name.len() + self.parent.as_ref().map_or(0, String::len) + description;
        let mut out = Wiped::new(Vec::with_capacity(room + texts + 64 + 4 * self.issuers.len()));
        out.push(SCHEMA);
        put_text(&mut out, &self.id);
        put_text(&mut out, &self.name);
        put_optional(&mut out, self.description.as_deref(), put_text);
        put_optional(&mut out, self.parent.as_deref(), put_text);
        put_optional(&mut out, self.key.as_deref(), |out, key| put_bytes(out, key));
        put_bytes(&mut out, &self.certificate);
        put_u32(&mut out, u32::try_from(self.issuers.len()).unwrap_or(u32::MAX));
        for issuer in &self.issuers {
            put_bytes(&mut out, issuer);
        }
        self.limits.encode(&mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != SCHEMA {
            return Err(Malformed { expected: "schema 1: use a newer program" });
        }
        let (id, name) = (reader.text()?.to_owned(), reader.text()?.to_owned());
        let description = reader.optional(|reader| reader.text().map(str::to_owned))?;
        let parent = reader.optional(|reader| reader.text().map(str::to_owned))?;
        let key = reader.optional(|reader| reader.bytes().map(|key| Wiped::new(key.to_vec())))?;
        let certificate = reader.bytes()?.to_vec();
        let count = reader.u32()?;
        let issuers = (0..count).map(|_| reader.bytes().map(<[u8]>::to_vec)).collect::<Result<_, _>>()?;
        let limits = ChainLimits::decode(&mut reader)?;
        reader.end()?;
        Ok(Self { id, name, description, parent, key, certificate, issuers, limits })
    }
}

#[cfg(test)]
mod tests {
    use keyway_core::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn some() -> AuthorityRecord {
        AuthorityRecord {
            id: "sub-1".into(),
            name: "One".into(),
            description: Some(String::new()),
            parent: Some("base".into()),
            key: Some(Wiped::new(vec![1, 2, 3])),
            certificate: vec![4; 900],
            issuers: vec![vec![5; 700], vec![6]],
            limits: ChainLimits { path_length: Some(1), not_after: Some(Timestamp::from_milliseconds(7)) },
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = some();
        let limits = ChainLimits::default();
        let deleted = AuthorityRecord { key: None, parent: None, description: None, limits, ..some() };
        for record in [record, deleted] {
            let encoded = record.encode();
            assert_eq!(AuthorityRecord::decode(&encoded).unwrap(), record);
            for length in 0..encoded.len() {
                assert!(AuthorityRecord::decode(&encoded[..length]).is_err(), "cut to {length}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = AuthorityRecord::decode(&[&[SCHEMA], &bytes[..]].concat());
        }
    }
}
