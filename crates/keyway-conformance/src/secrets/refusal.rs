//! Which refusal an error is, and what a rule says about an answer.

use keyway_secrets::StoreError;

use crate::{Broken, broken};

/// The variants of [`StoreError`], without what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotInitialized,
    AlreadyInitialized,
    SecretNotFound,
    EnvironmentNotFound,
    SecretExists,
    EnvironmentExists,
    VersionConflict,
    Conflict,
    Unsupported,
    UnsupportedValue,
    InvalidName,
    Invalid,
    MissingResource,
    Incompatible,
    WrongKey,
    Corrupt,
    Deleted,
    Unavailable,
    TooLarge,
    System,
    Indeterminate,
    /// One that only hosts give, or that this kit does not know.
    Other,
}

impl Refusal {
    pub(super) fn of(error: &StoreError) -> Self {
        match error {
            StoreError::NotInitialized => Self::NotInitialized,
            StoreError::AlreadyInitialized => Self::AlreadyInitialized,
            StoreError::SecretNotFound { .. } => Self::SecretNotFound,
            StoreError::EnvironmentNotFound { .. } => Self::EnvironmentNotFound,
            StoreError::SecretExists { .. } => Self::SecretExists,
            StoreError::EnvironmentExists { .. } => Self::EnvironmentExists,
            StoreError::VersionConflict { .. } => Self::VersionConflict,
            StoreError::Conflict { .. } => Self::Conflict,
            StoreError::Unsupported { .. } => Self::Unsupported,
            StoreError::UnsupportedValue { .. } => Self::UnsupportedValue,
            StoreError::InvalidName(_) => Self::InvalidName,
            StoreError::Invalid { .. } => Self::Invalid,
            StoreError::MissingResource(_) => Self::MissingResource,
            StoreError::Incompatible(_) => Self::Incompatible,
            StoreError::WrongKey { .. } => Self::WrongKey,
            StoreError::Corrupt { .. } => Self::Corrupt,
            StoreError::Deleted => Self::Deleted,
            StoreError::Unavailable { .. } => Self::Unavailable,
            StoreError::TooLarge { .. } => Self::TooLarge,
            StoreError::System { .. } => Self::System,
            StoreError::Indeterminate { .. } => Self::Indeterminate,
            _ => Self::Other,
        }
    }
}

/// What a rule says about an answer.
pub(super) trait Answer<T> {
    /// It must be a success.
    fn works(self, what: &str) -> Result<T, Broken>;

    /// It must be one of these refusals.
    fn refused(self, what: &str, as_one_of: &[Refusal]) -> Result<StoreError, Broken>;
}

impl<T> Answer<T> for Result<T, StoreError> {
    fn works(self, what: &str) -> Result<T, Broken> {
        self.map_err(|error| {
            broken(format!("{what} to work"), format!("it answered {:?}: {error}", Refusal::of(&error)))
        })
    }

    fn refused(self, what: &str, as_one_of: &[Refusal]) -> Result<StoreError, Broken> {
        let wanted: Vec<_> = as_one_of.iter().map(|refusal| format!("{refusal:?}")).collect();
        let expected = format!("{what} to answer {}", wanted.join(" or "));
        match self {
            Err(error) if as_one_of.contains(&Refusal::of(&error)) => Ok(error),
            Err(error) => Err(broken(expected, format!("it answered {:?}: {error}", Refusal::of(&error)))),
            Ok(_) => Err(broken(expected, "it answered Ok")),
        }
    }
}
