//! The errors that rules expect from operations.

use keyway_secrets::StoreError;

use crate::{Broken, broken};

macro_rules! expected_errors {
    ($($variant:ident)+) => {
        /// The variants of [`StoreError`], without their fields.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum ExpectedError {
            $($variant,)+
            /// An error that only hosts return, or that this version of the kit does not know.
            Other,
        }

        impl ExpectedError {
            pub(super) fn of(error: &StoreError) -> Self {
                match error {
                    StoreError::InBatch { source, .. } => Self::of(source),
                    $(StoreError::$variant { .. } => Self::$variant,)+
                    _ => Self::Other,
                }
            }
        }
    };
}

expected_errors! {
    NotInitialized AlreadyInitialized SecretNotFound EnvironmentNotFound SecretExists EnvironmentExists
    VersionConflict Conflict Unsupported UnsupportedValue InvalidName Invalid MissingResource Incompatible
    WrongKey Corrupt Deleted Unavailable NotReady TooLarge System Indeterminate
}

/// Judges an answer for a rule.
pub(super) trait Answer<T> {
    /// Demands a success.
    fn works(self, what: &str) -> Result<T, Broken>;

    /// Demands one of these errors.
    fn refused(self, what: &str, as_one_of: &[ExpectedError]) -> Result<StoreError, Broken>;
}

impl<T> Answer<T> for Result<T, StoreError> {
    fn works(self, what: &str) -> Result<T, Broken> {
        self.map_err(|error| {
            let observed = format!("it answered {:?}: {error}", ExpectedError::of(&error));
            broken(format!("{what} to work"), observed)
        })
    }

    fn refused(self, what: &str, as_one_of: &[ExpectedError]) -> Result<StoreError, Broken> {
        let wanted: Vec<_> = as_one_of.iter().map(|error| format!("{error:?}")).collect();
        let observed = match self {
            Err(error) if as_one_of.contains(&ExpectedError::of(&error)) => return Ok(error),
            Err(error) => format!("it answered {:?}: {error}", ExpectedError::of(&error)),
            Ok(_) => "it answered Ok".to_owned(),
        };
        Err(broken(format!("{what} to answer {}", wanted.join(" or ")), observed))
    }
}
