//! The classes of failure by which vectors are compared.

use std::fmt;

use keyway_core::ErrorKind;
use keyway_secrets::StoreError;

/// The class of a failure. The text of an error is never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The store does not exist.
    NotInitialized,
    /// The requested object does not exist.
    NotFound,
    /// The object to be created exists already.
    AlreadyExists,
    /// The store was deleted.
    Deleted,
    /// Another writer changed the data first.
    Conflict,
    /// The operation is not offered.
    Unsupported,
    /// An argument is not acceptable, or the typed interface cannot express it.
    Invalid,
    /// The data was written by another plugin or version.
    Incompatible,
    /// None of the available keys opens the data.
    WrongKey,
    /// The data is damaged.
    Corrupt,
    /// The token is too old, or from the future.
    Expired,
    /// The caller is unknown.
    Unauthenticated,
    /// The caller has no permission.
    Denied,
    /// The system underneath failed.
    Internal,
    /// A plugin's output is not JSON.
    BadJson,
    /// A plugin's output is JSON, but not an object.
    NotAnObject,
    /// A plugin's answer has no result.
    MissingResult,
    /// A plugin's answer to a request or revocation breaks the contract.
    BadResult,
    /// A plugin's error breaks the contract.
    BadError,
    /// A plugin's description of itself breaks the contract.
    BadDescription,
    /// A plugin's program does not start, or fails without an answer.
    Program,
    /// A plugin did not answer in time.
    Deadline,
    /// The service is disabled, or has faults.
    Disabled,
    /// The user has reached the limit of credentials.
    LimitReached,
    /// Another grant has the same reference to its credential already (`state` on the wire).
    StateTaken,
    /// The vector uses a handle that it did not open.
    NoHandle,
    /// The code under test panicked. This class never matches an expected outcome.
    Panicked,
}

impl Class {
    /// Returns the class of a store's error.
    pub fn of(error: &StoreError) -> Self {
        use keyway_core::PluginError as _;
        match error {
            StoreError::NotInitialized => Self::NotInitialized,
            other => Self::of_kind(other.kind()),
        }
    }

    /// Returns the class of an error kind. All contracts share the kinds.
    pub fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::AlreadyExists => Self::AlreadyExists,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::Invalid => Self::Invalid,
            ErrorKind::Incompatible => Self::Incompatible,
            ErrorKind::WrongKey => Self::WrongKey,
            ErrorKind::Corrupt => Self::Corrupt,
            ErrorKind::Deleted => Self::Deleted,
            ErrorKind::Unauthorized => Self::Unauthenticated,
            ErrorKind::Denied => Self::Denied,
            _ => Self::Internal,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
