//! Errors of the host's own records.

use keyway_core::codec::Malformed;
use keyway_core::{Effect, ErrorKind, PluginError};
use keyway_seal::{OpenError, SealError};
use keyway_storage::StorageError;

/// Explains why a record of the host could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The storage engine failed.
    #[error("the host's records cannot be reached")]
    Storage(#[from] StorageError),
    /// A record does not open under the host's keys.
    #[error("a record of the host does not open: use the keys that sealed it, or restore it from a copy")]
    Open(#[from] OpenError),
    /// A record cannot be sealed.
    #[error("a record of the host cannot be sealed")]
    Seal(#[from] SealError),
    /// The system's random source failed.
    #[error("the system's random source failed")]
    Random(#[source] getrandom::Error),
    /// A record opens, but its content is invalid.
    #[error("a record of the host is damaged ({reason}): restore it from a copy")]
    Corrupt {
        /// The description of the invalid part, without its content.
        reason: String,
    },
    /// A plugin's data exceeds the size limit of a record. Nothing was stored (decision R8).
    #[error("a record of {bytes} bytes is larger than the limit of {limit} bytes: store less with it")]
    TooLarge {
        /// The size of the data.
        bytes: usize,
        /// The largest size that can be stored.
        limit: usize,
    },
    /// Other hosts, or other calls of this host, changed the record at each try.
    #[error("others changed a record of the host first, {ATTEMPTS} times in a row: try again")]
    Contended,
    /// Another run of this host has taken over.
    #[error("another run of this host has taken over: end this one")]
    Superseded,
    /// This run of the host has ended. Nothing was stored.
    #[error("this run of the host has ended: start the host again")]
    Ended,
}

impl RecordError {
    /// Tells whether the error is about the content of a single record, and other records may be readable.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Open(_))
    }
}

/// The maximum number of tries of a step whose record others change.
pub(crate) const ATTEMPTS: u32 = 64;

impl PluginError for RecordError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Storage(error) => error.kind(),
            Self::Open(error) => error.kind(),
            Self::Seal(error) => error.kind(),
            Self::Random(_) => ErrorKind::Internal,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::TooLarge { .. } => ErrorKind::Invalid,
            Self::Contended => ErrorKind::Conflict,
            Self::Superseded | Self::Ended => ErrorKind::Unavailable { retry_after: None },
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Storage(error) => error.effect(),
            _ => Effect::None,
        }
    }
}

impl From<Malformed> for RecordError {
    fn from(malformed: Malformed) -> Self {
        corrupt(malformed.to_string())
    }
}

pub(crate) fn corrupt(reason: impl Into<String>) -> RecordError {
    RecordError::Corrupt { reason: reason.into() }
}

/// Draws random bytes; a failure of the source becomes a record error.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], RecordError> {
    keyway_seal::random_bytes().map_err(RecordError::Random)
}
