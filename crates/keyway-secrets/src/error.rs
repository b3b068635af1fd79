//! What can go wrong with a secret store.

use std::time::Duration;

use keyway_core::{CallError, Effect, ErrorKind, IncompatibleData, MediaKind, MissingResource, PluginError};
use keyway_seal::{KeyId, OpenError, SealError};

use crate::{EnvironmentName, NameError, SecretAddress, SecretRevision};

/// An error of a source outside, kept as the cause.
pub type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation of a [`SecretStore`](crate::SecretStore) failed.
///
/// Each case that a caller may want to act on is a variant of its own (decision C5);
/// [`kind`](PluginError::kind) gives the class that all contracts share. No variant holds
/// a secret value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no store yet.
    #[error("the store does not exist yet: initialize it first")]
    NotInitialized,
    /// `initialize` never overwrites.
    #[error("the store exists already and was left as it is")]
    AlreadyInitialized,
    /// No such secret.
    #[error("there is no secret {address}")]
    SecretNotFound {
        /// Where it was looked for.
        address: SecretAddress,
    },
    /// No such environment (decision L2: never a silent fall back).
    #[error("there is no environment \"{environment}\": create it first, or check its spelling")]
    EnvironmentNotFound {
        /// The environment that was asked for.
        environment: EnvironmentName,
    },
    /// A secret to be created is there already.
    #[error("the secret {address} exists already: modify it, or choose another name")]
    SecretExists {
        /// Where it is.
        address: SecretAddress,
    },
    /// An environment to be created is there already.
    #[error("the environment \"{environment}\" exists already")]
    EnvironmentExists {
        /// Its name.
        environment: EnvironmentName,
    },
    /// Compare-and-set found another version, or another secret under the same name: the one that
    /// was read is deleted (decision H73).
    #[error("the secret {address} {}: read it again and decide anew", Changed(.expected, .actual))]
    VersionConflict {
        /// Which secret.
        address: SecretAddress,
        /// The id and the version that the caller expected.
        expected: SecretRevision,
        /// The id and the version that it has.
        actual: SecretRevision,
    },
    /// Other writers came first each time that the store tried.
    #[error("other writers were first {attempts} times in a row: try again")]
    Conflict {
        /// How often the store tried.
        attempts: u32,
    },
    /// The store does not offer this.
    #[error("this store does not offer {what}")]
    Unsupported {
        /// What is not offered: an operation or a property of one.
        what: &'static str,
    },
    /// The store cannot hold values of this kind.
    #[error("this store cannot hold values of the kind {kind}")]
    UnsupportedValue {
        /// The kind that was refused.
        kind: MediaKind,
    },
    /// A name that is not allowed.
    #[error(transparent)]
    InvalidName(#[from] NameError),
    /// Something else that was passed is not acceptable.
    #[error("{what} is not acceptable: {reason}")]
    Invalid {
        /// What was passed.
        what: &'static str,
        /// Why it was refused, without the value.
        reason: String,
    },
    /// The plugin needs something that the host did not lend.
    #[error(transparent)]
    MissingResource(#[from] MissingResource),
    /// The data was written by another plugin or by a version that this one cannot read
    /// (decision C4).
    #[error(transparent)]
    Incompatible(#[from] IncompatibleData),
    /// None of the keys at hand opens the data.
    #[error("none of the keys at hand opens {what}{}: open the store with the key that sealed it", Sealed(.sealed_by))]
    WrongKey {
        /// What could not be opened.
        what: &'static str,
        /// The key that sealed it, where the data says so.
        sealed_by: Option<KeyId>,
    },
    /// The data is damaged, truncated, exchanged or was tampered with.
    #[error("{what} is damaged: {reason}; restore it from a copy")]
    Corrupt {
        /// What is damaged.
        what: &'static str,
        /// What was found, without secret content.
        reason: String,
    },
    /// The store was deleted or is being deleted.
    #[error("the store is deleted")]
    Deleted,
    /// Something outside cannot be reached; nothing happened.
    #[error("{what} cannot be reached at the moment")]
    Unavailable {
        /// What cannot be reached.
        what: &'static str,
        /// How long to wait, where that is known.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        source: Option<BoxedError>,
    },
    /// Something that the store needs is unfit, such as a full disk, and stays so until an operator mends it; nothing
    /// happened.
    #[error("{what} cannot be used: {reason}")]
    NotReady {
        /// What is needed.
        what: &'static str,
        /// The place, the reason and the remedy, without secret content.
        reason: String,
    },
    /// A limit of the storage was passed.
    #[error("{what} is too large: {bytes} bytes, and at most {limit} fit")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The system under the store failed.
    #[error("the store could not {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The cause.
        #[source]
        source: BoxedError,
    },
    /// The system failed while a write was made durable: it may or may not have taken effect.
    #[error("{what} was cut short by a failure of the system: read again whether it took effect")]
    Indeterminate {
        /// What was cut short.
        what: &'static str,
        /// The cause.
        #[source]
        source: BoxedError,
    },
    /// One write of a batch was refused, and with it the whole batch: nothing was written.
    #[error("write {at} of the batch, counted from 0, was refused: {source}")]
    InBatch {
        /// The position of the write in the batch, counted from 0.
        at: usize,
        /// Why it was refused.
        source: Box<StoreError>,
    },
    /// The host has no answer of the plugin that it can use.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl StoreError {
    /// A [`Corrupt`](Self::Corrupt) error.
    pub fn corrupt(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Corrupt { what, reason: reason.into() }
    }

    /// An [`Invalid`](Self::Invalid) error.
    pub fn invalid(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { what, reason: reason.into() }
    }

    /// A [`NotReady`](Self::NotReady) error.
    pub fn not_ready(what: &'static str, reason: impl Into<String>) -> Self {
        Self::NotReady { what, reason: reason.into() }
    }

    /// A [`System`](Self::System) error.
    pub fn system(what: &'static str, source: impl Into<BoxedError>) -> Self {
        Self::System { what, source: source.into() }
    }

    /// This error as the refusal of one write of a batch.
    #[must_use]
    pub fn in_batch(self, at: usize) -> Self {
        Self::InBatch { at, source: Box::new(self) }
    }

    /// What a token that did not open means for `what`.
    pub fn from_open(what: &'static str, error: &OpenError) -> Self {
        match error {
            OpenError::UnknownKey(key) => Self::WrongKey { what, sealed_by: Some(*key) },
            OpenError::NotAuthentic { .. } => Self::WrongKey { what, sealed_by: None },
            other => Self::corrupt(what, other.to_string()),
        }
    }

    /// A sealing that failed.
    pub fn from_seal(error: SealError) -> Self {
        Self::system("seal", error)
    }
}

impl PluginError for StoreError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotInitialized | Self::SecretNotFound { .. } | Self::EnvironmentNotFound { .. } => {
                ErrorKind::NotFound
            }
            Self::AlreadyInitialized | Self::SecretExists { .. } | Self::EnvironmentExists { .. } => {
                ErrorKind::AlreadyExists
            }
            Self::VersionConflict { .. } | Self::Conflict { .. } => ErrorKind::Conflict,
            Self::Unsupported { .. } | Self::UnsupportedValue { .. } => ErrorKind::Unsupported,
            Self::InvalidName(_)
            | Self::Invalid { .. }
            | Self::TooLarge { .. }
            | Self::MissingResource(_) => ErrorKind::Invalid,
            Self::Incompatible(_) => ErrorKind::Incompatible,
            Self::WrongKey { .. } => ErrorKind::WrongKey,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Deleted => ErrorKind::Deleted,
            Self::Unavailable { retry_after, .. } => ErrorKind::Unavailable { retry_after: *retry_after },
            Self::NotReady { .. } | Self::System { .. } => ErrorKind::Internal,
            Self::Indeterminate { .. } => ErrorKind::Indeterminate,
            Self::InBatch { source, .. } => source.kind(),
            Self::Call(error) => error.kind(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::System { .. } | Self::Indeterminate { .. } => Effect::Unknown,
            Self::InBatch { source, .. } => source.effect(),
            Self::Call(error) => error.effect(),
            _ => Effect::None,
        }
    }
}

/// Says how the secret differs from the expected one.
struct Changed<'a>(&'a SecretRevision, &'a SecretRevision);

impl std::fmt::Display for Changed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(expected, actual) = self;
        match (expected.version, actual.version) {
            _ if expected.id != actual.id => f.write_str("is not the one that was read"),
            (Some(expected), Some(actual)) => write!(f, "has version {actual}, not {expected}"),
            _ => f.write_str("has another version"),
        }
    }
}

/// Names the sealing key where it is known.
struct Sealed<'a>(&'a Option<KeyId>);

impl std::fmt::Display for Sealed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(key) => write!(f, " (sealed by key {key})"),
            None => Ok(()),
        }
    }
}
