//! The rules that an issued certificate can break.

use std::fmt;

use keyway_core::{Effect, ErrorKind, PluginError, Timestamp};

use crate::{AlternativeName, PemError};

/// The place of a certificate in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// The issued certificate.
    Certificate,
    /// An intermediate certificate, counted from 1; the first one signed the issued certificate.
    Intermediate(usize),
}

impl Place {
    pub(super) const fn of(index: usize) -> Self {
        if index == 0 { Self::Certificate } else { Self::Intermediate(index) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate => f.write_str("the certificate"),
            Self::Intermediate(number) => write!(f, "intermediate certificate {number}"),
        }
    }
}

/// The rule that an issued certificate breaks.
///
/// The certificate exists: the authority made it, and may have logged it publicly (decisions B11, B11a).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuedFault {
    /// A text is too long.
    #[error("a PEM text with certificates has at most {most} bytes")]
    TooLong {
        /// The maximum length.
        most: usize,
    },
    /// The certificate is not exactly one PEM block.
    #[error("the certificate must be one PEM block: {0}")]
    CertificatePem(#[source] PemError),
    /// The intermediate certificates are not PEM blocks.
    #[error("the intermediate certificates must be one PEM block each: {0}")]
    IntermediatesPem(#[source] PemError),
    /// There are more intermediate certificates than a verifier follows.
    #[error("there must be at most {most} intermediate certificates")]
    TooManyIntermediates {
        /// The maximum number.
        most: usize,
    },
    /// A certificate is not X.509 in DER.
    #[error("{place} must be X.509 in DER: its {part} cannot be read")]
    Malformed {
        /// The certificate.
        place: Place,
        /// The part that cannot be read.
        part: &'static str,
    },
    /// The certificate is for another key.
    #[error("the certificate must have the public key of the request, and has another one")]
    AnotherKey,
    /// The certificate belongs to an authority, but the order did not ask for such a certificate.
    #[error("the certificate must not be that of an authority: the order did not ask for one")]
    Authority,
    /// The certificate does not belong to an authority, but the order asked for such a certificate.
    #[error("the certificate must be that of an authority")]
    NoAuthority,
    /// The validity has not begun.
    #[error("{place} must be valid now, and becomes valid {} s from now", (.not_before.as_seconds()).saturating_sub(.now.as_seconds()))]
    NotYetValid {
        /// The certificate.
        place: Place,
        /// The beginning of its validity.
        not_before: Timestamp,
        /// The time of the check.
        now: Timestamp,
    },
    /// The validity is over.
    #[error("{place} must be valid now, and expired {} s ago", (.now.as_seconds()).saturating_sub(.not_after.as_seconds()))]
    Expired {
        /// The certificate.
        place: Place,
        /// The end of its validity.
        not_after: Timestamp,
        /// The time of the check.
        now: Timestamp,
    },
    /// A requested name is missing.
    #[error("the certificate must have every requested alternative name, and lacks the {name}")]
    MissingName {
        /// The first name that is missing.
        name: AlternativeName,
    },
    /// The issuer that a certificate names is not the subject of the next certificate.
    #[error("{place} must be issued by the certificate after it, and names another issuer")]
    AnotherIssuer {
        /// The certificate that names another issuer.
        place: Place,
    },
    /// A certificate was not signed with the key of the next certificate.
    #[error("{place} must be signed by the certificate after it, and is not")]
    NotSigned {
        /// The certificate whose signature is wrong.
        place: Place,
    },
    /// The algorithm of a signature is not one that can be verified.
    #[error("{place} must be signed with a known algorithm, and is signed with {algorithm}")]
    SignatureAlgorithm {
        /// The certificate.
        place: Place,
        /// The name or the object identifier of the algorithm.
        algorithm: String,
    },
    /// A certificate of the chain is not allowed to sign certificates.
    #[error("{place} must be allowed to sign certificates, and is not")]
    IssuerIsNoAuthority {
        /// The certificate.
        place: Place,
    },
    /// A certificate of the chain has more authorities below it than it allows.
    #[error("{place} allows {allowed} authorities between it and the certificate, and there are {found}")]
    PathLength {
        /// The certificate.
        place: Place,
        /// The number of authorities that the certificate allows.
        allowed: usize,
        /// The number of authorities that the chain has below that certificate.
        found: usize,
    },
    /// A verifier refuses the chain for a reason that has no variant of its own, such as a name that an authority may
    /// not certify, or a critical extension that the verifier does not know.
    #[error("the chain must be acceptable to a verifier, which says {reason}")]
    Chain {
        /// The verifier's reason.
        reason: String,
    },
}

impl PluginError for IssuedFault {
    fn kind(&self) -> ErrorKind {
        ErrorKind::ContractViolation
    }

    fn effect(&self) -> Effect {
        Effect::Unknown
    }

    fn detail(&self) -> String {
        // The message contains the message of the source.
        self.to_string()
    }
}
