//! Defines the errors of a secret store.

use std::time::Duration;

use keyway_core::{CallError, Effect, ErrorKind, IncompatibleData, MediaKind, MissingResource, PluginError};
use keyway_seal::{KeyId, OpenError, SealError};

use crate::{EnvironmentName, NameError, SecretAddress, SecretRevision};

/// An error of an outside source, kept as the cause.
pub type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// The reason why an operation of a [`SecretStore`](crate::SecretStore) failed.
///
/// Each case that a caller may want to handle has its own variant; [`kind`](PluginError::kind)
/// returns the class that all contracts share. No variant holds a secret value (decision C5).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store does not exist yet.
    #[error("the store does not exist yet: initialize it first")]
    NotInitialized,
    /// The store exists already; `initialize` never overwrites.
    #[error("the store exists already and was left as it is")]
    AlreadyInitialized,
    /// The secret does not exist.
    #[error("there is no secret {address}")]
    SecretNotFound {
        /// The address that was searched.
        address: SecretAddress,
    },
    /// The environment does not exist; no other environment is used instead.
    ///
    /// See decision L2.
    #[error("there is no environment \"{environment}\": create it first, or check its spelling")]
    EnvironmentNotFound {
        /// The requested environment.
        environment: EnvironmentName,
    },
    /// The secret to create exists already.
    #[error("the secret {address} exists already: modify it, or choose another name")]
    SecretExists {
        /// Its address.
        address: SecretAddress,
    },
    /// The environment to create exists already.
    #[error("the environment \"{environment}\" exists already")]
    EnvironmentExists {
        /// Its name.
        environment: EnvironmentName,
    },
    /// Compare-and-set found another version, or another secret under the same name because the
    /// expected one was deleted.
    ///
    /// See decision H73.
    #[error("the secret {address} {}: read it again and decide again", Changed(.expected, .actual))]
    VersionConflict {
        /// The address of the secret.
        address: SecretAddress,
        /// The id and version that the caller expected.
        expected: SecretRevision,
        /// The actual id and version.
        actual: SecretRevision,
    },
    /// Other writers were faster at every attempt of the store.
    #[error("other writers were first {attempts} times in a row: try again")]
    Conflict {
        /// How often the store tried.
        attempts: u32,
    },
    /// The store does not offer an operation or a property.
    #[error("this store does not offer {what}")]
    Unsupported {
        /// The operation or property.
        what: &'static str,
    },
    /// The store cannot hold values of this kind.
    #[error("this store cannot hold values of the kind {kind}")]
    UnsupportedValue {
        /// The kind that was refused.
        kind: MediaKind,
    },
    /// A name is not allowed.
    #[error(transparent)]
    InvalidName(#[from] NameError),
    /// An argument other than a name is not acceptable.
    #[error("{what} is not acceptable: {reason}")]
    Invalid {
        /// The argument.
        what: &'static str,
        /// The reason, without the value.
        reason: String,
    },
    /// The plugin needs a resource that the host did not pass.
    #[error(transparent)]
    MissingResource(#[from] MissingResource),
    /// The data was written by another plugin, or by a version that the running version cannot read.
    ///
    /// See decision C4.
    #[error(transparent)]
    Incompatible(#[from] IncompatibleData),
    /// None of the given keys opens the data.
    #[error("none of the keys at hand opens {what}{}: open the store with the key that sealed it", Sealed(.sealed_by))]
    WrongKey {
        /// The data that could not be opened.
        what: &'static str,
        /// The key that sealed it, if the data names it.
        sealed_by: Option<KeyId>,
    },
    /// The data is damaged, truncated, swapped or tampered with.
    #[error("{what} is damaged: {reason}; restore it from a copy")]
    Corrupt {
        /// The damaged data.
        what: &'static str,
        /// The damage, without secret content.
        reason: String,
    },
    /// The store was deleted or is being deleted.
    #[error("the store is deleted")]
    Deleted,
    /// An outside system cannot be reached; nothing happened.
    #[error("{what} cannot be reached at the moment")]
    Unavailable {
        /// The system that cannot be reached.
        what: &'static str,
        /// How long to wait, if known.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        source: Option<BoxedError>,
    },
    /// The store needs something that is unusable until an operator repairs it, such as a full disk. Nothing happened.
    #[error("{what} cannot be used: {reason}")]
    NotReady {
        /// The thing that cannot be used.
        what: &'static str,
        /// The place, the reason and the remedy, without secret content.
        reason: String,
    },
    /// A size limit of the storage was exceeded.
    #[error("{what} is too large: {bytes} bytes, and at most {limit} fit")]
    TooLarge {
        /// The data that is too large.
        what: &'static str,
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The system under the store failed.
    #[error("the store could not {what}")]
    System {
        /// The action that failed.
        what: &'static str,
        /// The cause.
        #[source]
        source: BoxedError,
    },
    /// The system failed while a write was made durable, so the write may have taken effect.
    #[error("{what} was interrupted by a failure of the system: read again to see whether it took effect")]
    Indeterminate {
        /// The interrupted action.
        what: &'static str,
        /// The cause.
        #[source]
        source: BoxedError,
    },
    /// One write of a batch was refused, so nothing of the batch was written.
    #[error("write {at} of the batch, counted from 0, was refused: {source}")]
    InBatch {
        /// The position of the write in the batch, counted from 0.
        at: usize,
        /// The refusal.
        source: Box<StoreError>,
    },
    /// The plugin gave no answer that the host can use.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl StoreError {
    /// Makes a [`Corrupt`](Self::Corrupt) error.
    pub fn corrupt(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Corrupt { what, reason: reason.into() }
    }

    /// Makes an [`Invalid`](Self::Invalid) error.
    pub fn invalid(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { what, reason: reason.into() }
    }

    /// Makes a [`NotReady`](Self::NotReady) error.
    pub fn not_ready(what: &'static str, reason: impl Into<String>) -> Self {
        Self::NotReady { what, reason: reason.into() }
    }

    /// Makes a [`System`](Self::System) error.
    pub fn system(what: &'static str, source: impl Into<BoxedError>) -> Self {
        Self::System { what, source: source.into() }
    }

    /// Wraps this error as the refusal of one write of a batch.
    #[must_use]
    pub fn in_batch(self, at: usize) -> Self {
        Self::InBatch { at, source: Box::new(self) }
    }

    /// Makes the error for a token that did not open. `what` names the data in the token.
    pub fn from_open(what: &'static str, error: &OpenError) -> Self {
        match error {
            OpenError::UnknownKey(key) => Self::WrongKey { what, sealed_by: Some(*key) },
            OpenError::NotAuthentic { .. } => Self::WrongKey { what, sealed_by: None },
            other => Self::corrupt(what, other.to_string()),
        }
    }

    /// Makes the error for a failed sealing.
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

/// Prints how the secret differs from the expected one.
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

/// Prints the sealing key if it is known.
struct Sealed<'a>(&'a Option<KeyId>);

impl std::fmt::Display for Sealed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(key) => write!(f, " (sealed by key {key})"),
            None => Ok(()),
        }
    }
}
