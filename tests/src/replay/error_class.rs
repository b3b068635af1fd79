//! The classes of failure that vectors are compared by.

use std::fmt;

use keyway_core::ErrorKind;
use keyway_secrets::StoreError;

/// What kind of failure an outcome is. The text of an error is never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// There is no store.
    NotInitialized,
    /// What was asked for is not there.
    NotFound,
    /// What was to be made is there already.
    AlreadyExists,
    /// The store was deleted.
    Deleted,
    /// Somebody else was first.
    Conflict,
    /// Not offered.
    Unsupported,
    /// An argument is not acceptable, or the typed interface has no way to say it.
    Invalid,
    /// Written by another plugin or version.
    Incompatible,
    /// No key at hand opens it.
    WrongKey,
    /// Damaged.
    Corrupt,
    /// Too old, or made in the future.
    Expired,
    /// Who asks is not known.
    Unauthenticated,
    /// Who asks may not.
    Denied,
    /// The system underneath failed.
    Internal,
    /// What a plugin printed is not JSON.
    BadJson,
    /// What a plugin printed is JSON and no object.
    NotAnObject,
    /// A plugin's answer says no result.
    MissingResult,
    /// A plugin's answer to a request or revocation is not what the contract allows.
    BadResult,
    /// A plugin's error is not what the contract allows.
    BadError,
    /// What a plugin says about itself is not what the contract allows.
    BadDescription,
    /// A plugin's program does not start, or fails without an answer.
    Program,
    /// A plugin did not answer in time.
    Deadline,
    /// The service is switched off, or has faults.
    Disabled,
    /// The user has as many credentials as is allowed.
    LimitReached,
    /// Another grant has the state already.
    StateTaken,
    /// The vector uses a handle that it did not open.
    NoHandle,
    /// The code under test panicked. Never a match.
    Panicked,
}

impl Class {
    /// The class of a store's error.
    pub fn of(error: &StoreError) -> Self {
        use keyway_core::PluginError as _;
        match error {
            StoreError::NotInitialized => Self::NotInitialized,
            other => Self::of_kind(other.kind()),
        }
    }

    /// The class of the kind that all errors share.
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
