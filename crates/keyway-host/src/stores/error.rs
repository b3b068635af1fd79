//! Defines the errors of making, opening, rotating or deleting a store.

use keyway_core::{Effect, ErrorKind, LookupError, PluginError};
use keyway_seal::{KeyId, KeySourceError};
use keyway_secrets::{NameError, StoreError, StoreName};

use super::machine::TransitionError;
use crate::records::{ATTEMPTS, RecordError};

/// Explains why a store was not made, opened, rotated or deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoresError {
    /// The call does not fit the phase of the store.
    #[error("\"{store}\": {reason}")]
    Refused {
        /// The name of the store.
        store: String,
        /// The reason for the refusal.
        reason: TransitionError,
    },
    /// The host's keys for stores cannot be read.
    #[error("the keys for stores cannot be read")]
    Keys(#[from] KeySourceError),
    /// The plugin is not linked into this host.
    #[error(transparent)]
    Plugin(#[from] LookupError),
    /// Needed keys are missing.
    #[error("the store needs keys that are not at hand: add {}", list(missing))]
    MissingKeys {
        /// The names of the keys.
        missing: Vec<KeyId>,
    },
    /// A name is not allowed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The plugin already has data of a store where the new store would be. The data was not changed.
    #[error(
        "there is data of a store already where the plugin `{plugin}` would keep \"{name}\": take it over \
         with `adopt`, or name or configure another place"
    )]
    DataExists {
        /// The name of the new store.
        name: StoreName,
        /// The id of its plugin.
        plugin: String,
    },
    /// The plugin or its guard returned an error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plugin was called, and its result could not be stored. The store stays listed with the work in progress,
    /// which the host resumes.
    #[error(
        "\"{store}\": the plugin was called, and its result could not be stored; the host goes on with it"
    )]
    NotStored {
        /// The name of the store.
        store: String,
        /// The failure of the records.
        #[source]
        error: RecordError,
    },
    /// The host's own records failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl TransitionError {
    /// Makes the error for a store of this name.
    pub(super) fn of(self, store: &StoreName) -> StoresError {
        StoresError::Refused { store: store.to_string(), reason: self }
    }
}

impl PluginError for StoresError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { reason: TransitionError::NoStore, .. } => ErrorKind::NotFound,
            Self::Refused { reason: TransitionError::Exists, .. } | Self::DataExists { .. } => {
                ErrorKind::AlreadyExists
            }
            Self::Refused { reason: TransitionError::BeingDeleted, .. } => ErrorKind::Deleted,
            Self::Refused { reason: TransitionError::NoKeys, .. } | Self::Name(_) => ErrorKind::Invalid,
            Self::Refused { .. } => ErrorKind::Conflict,
            Self::Keys(error) => error.kind(),
            Self::Plugin(error) => error.kind(),
            Self::MissingKeys { .. } => ErrorKind::WrongKey,
            Self::Store(error) => error.kind(),
            Self::NotStored { error, .. } | Self::Record(error) => error.kind(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Store(error) => error.effect(),
            Self::NotStored { .. } => Effect::Unknown,
            Self::Record(error) => error.effect(),
            _ => Effect::None,
        }
    }
}

impl StoresError {
    /// Converts to a `StoreError`, for callers that know only that type.
    pub(crate) fn into_store_error(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Refused { reason: TransitionError::NoStore, .. } => StoreError::NotInitialized,
            Self::Refused { reason: TransitionError::BeingDeleted, .. } => StoreError::Deleted,
            Self::DataExists { .. } => StoreError::AlreadyInitialized,
            Self::Name(error) => error.into(),
            Self::Refused { reason: TransitionError::InFlight, .. } => StoreError::Conflict { attempts: 1 },
            Self::Refused { .. } => StoreError::invalid("the request", self.to_string()),
            Self::MissingKeys { missing } => {
                StoreError::WrongKey { what: "the store", sealed_by: missing.first().copied() }
            }
            Self::Record(RecordError::Contended) => StoreError::Conflict { attempts: ATTEMPTS },
            other => StoreError::system("use the host's records", other),
        }
    }
}

fn list(keys: &[KeyId]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::workflow::StoreWorkflow;
    use crate::work::{Failed, FailedBecause};

    #[test]
    fn a_plugin_that_was_called_leaves_an_unknown_effect_if_its_result_is_not_stored() {
        for (was_asked, effect) in [(false, Effect::None), (true, Effect::Unknown)] {
            let because = FailedBecause::<StoreWorkflow>::Storage(RecordError::Contended);
            let record = "s".to_owned();
            let failed = Failed { because, record, state: None, failures: Vec::new(), was_asked };
            let error = StoresError::from(failed);
            assert_eq!(error.effect(), effect);
            assert_eq!(error.into_store_error().effect(), effect);
        }
    }
}
