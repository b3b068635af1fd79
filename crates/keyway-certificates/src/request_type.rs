//! The types of certificate requests.

use std::fmt;
use std::sync::Arc;

/// The type of a certificate request, as the client names it in the order's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RequestType {
    /// `custom`: the plugin defines the meaning of the metadata. This is the default.
    Custom,
    /// `full-cmc`: a full CMC request of RFC 5272. The host refuses it (decision B12).
    FullCmc,
    /// `simple-cmc`: a request of PKCS#10 in `request_data`.
    SimpleCmc,
    /// `stored-key`: the host makes the request from a stored key.
    StoredKey,
    /// A text of a client that is none of the four types above. Validation refuses it (decision B20).
    Other(Arc<str>),
}

impl RequestType {
    /// All types except [`Other`](Self::Other).
    pub const KNOWN: [Self; 4] = [Self::Custom, Self::FullCmc, Self::SimpleCmc, Self::StoredKey];

    /// Returns the type with this text. Case matters.
    pub fn from_text(text: &str) -> Self {
        match text {
            "custom" => Self::Custom,
            "full-cmc" => Self::FullCmc,
            "simple-cmc" => Self::SimpleCmc,
            "stored-key" => Self::StoredKey,
            other => Self::Other(other.into()),
        }
    }

    /// Returns the text of the type. The text of [`Other`](Self::Other) comes from a client: escape it before it is
    /// shown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Custom => "custom",
            Self::FullCmc => "full-cmc",
            Self::SimpleCmc => "simple-cmc",
            Self::StoredKey => "stored-key",
            Self::Other(text) => text,
        }
    }
}

/// A set of the types of requests that an authority takes.
///
/// ```
/// use keyway_certificates::{RequestType, RequestTypes};
///
/// const TAKEN: RequestTypes = RequestTypes::CUSTOM.and(RequestTypes::STORED_KEY);
/// assert!(TAKEN.contains(&RequestType::StoredKey));
/// assert!(!TAKEN.contains(&RequestType::SimpleCmc));
/// assert_eq!(format!("{TAKEN:?}"), r#"{"custom", "stored-key"}"#);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestTypes(u8);

impl RequestTypes {
    /// No requests.
    pub const NONE: Self = Self(0);
    /// Custom requests only.
    pub const CUSTOM: Self = Self(1);
    /// Full CMC requests only.
    pub const FULL_CMC: Self = Self(1 << 1);
    /// Simple CMC requests only.
    pub const SIMPLE_CMC: Self = Self(1 << 2);
    /// Requests with a stored key only.
    pub const STORED_KEY: Self = Self(1 << 3);
    /// All requests.
    pub const ALL: Self = Self::CUSTOM.and(Self::FULL_CMC).and(Self::SIMPLE_CMC).and(Self::STORED_KEY);

    /// Returns the union of two sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Tells whether the set has this type. No set contains [`RequestType::Other`].
    pub const fn contains(self, request_type: &RequestType) -> bool {
        let bit = match request_type {
            RequestType::Custom => Self::CUSTOM,
            RequestType::FullCmc => Self::FULL_CMC,
            RequestType::SimpleCmc => Self::SIMPLE_CMC,
            RequestType::StoredKey => Self::STORED_KEY,
            RequestType::Other(_) => return false,
        };
        self.0 & bit.0 != 0
    }
}

impl fmt::Debug for RequestTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types = RequestType::KNOWN;
        f.debug_set()
            .entries(types.iter().filter(|each| self.contains(each)).map(RequestType::as_str))
            .finish()
    }
}
