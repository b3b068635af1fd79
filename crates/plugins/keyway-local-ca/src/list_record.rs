//! The stored forms of a revocation, and of the state of a revocation list.
//!
//! Both are in the clear, because a revocation list publishes all their content.

use der::{AnyRef, Decode as _, Encode as _, Tag, Tagged as _};
use keyway_certificates::RevocationReason;
use keyway_core::Timestamp;
use keyway_core::codec::{Malformed, Reader, put_time, put_u64};
use keyway_x509::issuing::extensions::extension;
use keyway_x509::issuing::to_encoded;
use x509_cert::crl::RevokedCert;
use x509_cert::ext::pkix::CrlReason;

/// The schema of both records.
const SCHEMA: u8 = 1;
const NEWER: Malformed = Malformed { expected: "schema 1: use a newer program" };

/// A revoked certificate in the form of its list entry: a `RevokedCert` in DER. The key of the record holds the serial
/// number, too.
///
/// The entry is encoded at the revocation. To sign a list, the entries are only read and joined, so a long list is
/// signed about as fast as its entries are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RevocationRecord {
    pub(crate) entry: Vec<u8>,
}

impl RevocationRecord {
    /// Makes the entry of a certificate that is being revoked. `serial` is the content of the INTEGER in the
    /// certificate. An authority that was imported may have given out numbers that are negative, or too long for
    /// `SerialNumber::new`.
    pub(crate) fn new(serial: &[u8], revoked_at: Timestamp, reason: RevocationReason) -> der::Result<Self> {
        // The reason "unspecified" is left out (RFC 5280, section 5.3.1).
        let extensions = match code(reason) {
            CrlReason::Unspecified => None,
            reason => Some(vec![extension(false, &reason)?]),
        };
        let entry: RevokedCert = RevokedCert {
            serial_number: AnyRef::new(Tag::Integer, serial)?.decode_as()?,
            revocation_date: to_encoded(revoked_at)?,
            crl_entry_extensions: extensions,
        };
        Ok(Self { entry: entry.to_der()? })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        [&[SCHEMA], &self.entry[..]].concat()
    }

    /// Returns the entry in a record. It must be one sequence.
    pub(crate) fn entry(bytes: &[u8]) -> Result<&[u8], Malformed> {
        let [SCHEMA, entry @ ..] = bytes else { return Err(NEWER) };
        match AnyRef::from_der(entry) {
            Ok(any) if any.tag() == Tag::Sequence => Ok(entry),
            _ => Err(Malformed { expected: "an entry of a revocation list" }),
        }
    }
}

const fn code(reason: RevocationReason) -> CrlReason {
    match reason {
        RevocationReason::Unspecified => CrlReason::Unspecified,
        RevocationReason::KeyCompromise => CrlReason::KeyCompromise,
        RevocationReason::CaCompromise => CrlReason::CaCompromise,
        RevocationReason::AffiliationChanged => CrlReason::AffiliationChanged,
        RevocationReason::Superseded => CrlReason::Superseded,
        RevocationReason::CessationOfOperation => CrlReason::CessationOfOperation,
        RevocationReason::CertificateHold => CrlReason::CertificateHold,
        RevocationReason::PrivilegeWithdrawn => CrlReason::PrivilegeWithdrawn,
        RevocationReason::AaCompromise => CrlReason::AaCompromise,
    }
}

/// The state of a revocation list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListRecord {
    /// The number of the last list, or 0 if none was signed.
    pub(crate) number: u64,
    /// The number of revocations so far.
    pub(crate) changes: u64,
    /// The number of revocations that the last list has.
    pub(crate) signed: u64,
    /// The time when the last list was signed.
    pub(crate) this_update: Timestamp,
    /// The time until which the last list is valid.
    pub(crate) next_update: Timestamp,
}

impl ListRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![SCHEMA];
        for number in [self.number, self.changes, self.signed] {
            put_u64(&mut out, number);
        }
        put_time(&mut out, self.this_update);
        put_time(&mut out, self.next_update);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != SCHEMA {
            return Err(NEWER);
        }
        let (number, changes, signed) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let (this_update, next_update) = (reader.time()?, reader.time()?);
        reader.end()?;
        Ok(Self { number, changes, signed, this_update, next_update })
    }

    /// Tells whether a new list must be signed: no list was signed yet, a revocation is missing in the last list, half
    /// of that list's validity has passed, or the validity begins in the future, because the clock was set back.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.number == 0 || self.signed != self.changes || now >= self.half() || now < self.this_update
    }

    /// Returns the moment at which half of the last list's validity has passed.
    pub(crate) fn half(&self) -> Timestamp {
        let half = self.next_update.as_milliseconds() / 2 + self.this_update.as_milliseconds() / 2;
        Timestamp::from_milliseconds(half)
    }

    /// Encodes a signed list together with its number. From the number, `decode_signed` learns whether the list is the
    /// last one.
    pub(crate) fn encode_signed(&self, der: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(9 + der.len());
        out.push(SCHEMA);
        put_u64(&mut out, self.number);
        out.extend_from_slice(der);
        out
    }

    /// Reads a signed list. Returns `None` if its number is not that of the last list.
    pub(crate) fn decode_signed(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != SCHEMA {
            return Err(NEWER);
        }
        Ok((reader.u64()? == self.number).then(|| reader.rest().to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_written() {
        let moment = Timestamp::from_milliseconds;
        for reason in RevocationReason::ALL {
            let record = RevocationRecord::new(&[0x80, 1], moment(7000), reason).unwrap();
            let encoded = record.encode();
            assert_eq!(RevocationRecord::entry(&encoded).unwrap(), record.entry);
            for length in 0..encoded.len() {
                assert!(RevocationRecord::entry(&encoded[..length]).is_err(), "cut to {length}");
            }
        }
        let list =
            ListRecord { number: 1, changes: 2, signed: 3, this_update: moment(4), next_update: moment(5) };
        assert_eq!(ListRecord::decode(&list.encode()).unwrap(), list);
        let signed = list.encode_signed(&[7, 8]);
        assert_eq!(list.decode_signed(&signed), Ok(Some(vec![7, 8])));
        assert_eq!(ListRecord { number: 2, ..list }.decode_signed(&signed), Ok(None));
        for length in 0..9 {
            assert!(list.decode_signed(&signed[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_list_is_due_when_half_of_its_time_has_passed() {
        let moment = Timestamp::from_milliseconds;
        let list = ListRecord {
            number: 1,
            changes: 2,
            signed: 2,
            this_update: moment(100),
            next_update: moment(200),
        };
        assert!(!list.is_due(moment(149)) && !list.is_due(moment(100)));
        assert!(list.is_due(moment(99)), "the clock was set back");
        assert!(list.is_due(moment(150)));
        assert!(ListRecord { changes: 3, ..list }.is_due(moment(100)));
        assert!(ListRecord::default().is_due(moment(0)));
    }
}
