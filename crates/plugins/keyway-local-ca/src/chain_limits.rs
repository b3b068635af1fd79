//! The limits that the certificates of a chain set for all certificates below the chain.

use keyway_core::Timestamp;
use keyway_core::codec::{Malformed, Reader, put_optional, put_time};
use keyway_x509::issuing::from_encoded;
use x509_cert::Certificate;
use x509_cert::ext::pkix::BasicConstraints;

/// The limits of a chain. An imported authority keeps them, because it does not keep its root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChainLimits {
    /// The number of authorities that may be below the chain, if that is limited.
    pub(crate) path_length: Option<u8>,
    /// The earliest end of a validity in the chain.
    pub(crate) not_after: Option<Timestamp>,
}

impl ChainLimits {
    /// Computes the limits of a chain whose first certificate is the lowest.
    pub(crate) fn of<'a>(chain: impl IntoIterator<Item = &'a Certificate>) -> der::Result<Self> {
        let (mut limits, mut below) = (Self::default(), 0_u8);
        for certificate in chain {
            let body = certificate.tbs_certificate();
            let constraints: Option<(bool, BasicConstraints)> = body.get_extension()?;
            let path_length = constraints.and_then(|(_, constraints)| constraints.path_len_constraint);
            limits = limits.and(Self {
                path_length: path_length.map(|allowed| allowed.saturating_sub(below)),
                not_after: Some(from_encoded(&body.validity().not_after)),
            });
            // A self-issued certificate does not count (RFC 5280, section 4.2.1.9).
            below = below.saturating_add(u8::from(body.issuer() != body.subject()));
        }
        Ok(limits)
    }

    /// Returns the stricter limits of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            path_length: self.path_length.into_iter().chain(other.path_length).min(),
            not_after: self.not_after.into_iter().chain(other.not_after).min(),
        }
    }

    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        put_optional(out, self.path_length, Vec::push);
        put_optional(out, self.not_after, put_time);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let path_length = reader.optional(Reader::byte)?;
        Ok(Self { path_length, not_after: reader.optional(Reader::time)? })
    }
}
