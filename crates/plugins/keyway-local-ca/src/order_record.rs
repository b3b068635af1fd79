//! The stored form of an order whose certificate was made.

use keyway_certificates::{CertificateError, IssuedCertificate, Pem};
use keyway_core::codec::{Malformed, Reader, put_bytes, put_text, put_u32};

use crate::pem::{certificate_pem, chain_pem};

/// The schema of the record.
const SCHEMA: u8 = 1;

/// A certificate that was made for an order, and its intermediate certificates at that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderRecord {
    /// The id of the authority that signed the certificate.
    pub(crate) ca: String,
    pub(crate) certificate: Vec<u8>,
    pub(crate) chain: Vec<Vec<u8>>,
}

impl OrderRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![SCHEMA];
        put_text(&mut out, &self.ca);
        put_bytes(&mut out, &self.certificate);
        put_u32(&mut out, u32::try_from(self.chain.len()).unwrap_or(u32::MAX));
        for certificate in &self.chain {
            put_bytes(&mut out, certificate);
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != SCHEMA {
            return Err(Malformed { expected: "schema 1: use a newer program" });
        }
        let (ca, certificate) = (reader.text()?.to_owned(), reader.bytes()?.to_vec());
        let count = reader.u32()?;
        let chain = (0..count).map(|_| reader.bytes().map(<[u8]>::to_vec)).collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { ca, certificate, chain })
    }

    pub(crate) fn issued(&self) -> Result<IssuedCertificate, CertificateError> {
        let issued = IssuedCertificate::new(Pem::new(certificate_pem(&self.certificate))?);
        Ok(match chain_pem(&self.chain) {
            Some(chain) => issued.with_intermediates(Pem::new(chain)?),
            None => issued,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record =
            OrderRecord { ca: "base".into(), certificate: vec![1; 9], chain: vec![vec![2], vec![3, 4]] };
        let encoded = record.encode();
        assert_eq!(OrderRecord::decode(&encoded).unwrap(), record);
        for length in 0..encoded.len() {
            assert!(OrderRecord::decode(&encoded[..length]).is_err(), "cut to {length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = OrderRecord::decode(&[&[SCHEMA], &bytes[..]].concat());
        }
    }
}
