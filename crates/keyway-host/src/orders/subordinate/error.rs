//! Defines the errors of subordinate authorities.

use keyway_certificates::{AuthorityName, CertificateError};
use keyway_core::{Effect, ErrorKind, PluginError};

use super::super::ca_owners::CaRefusal;
use super::machine::TransitionError;
use super::workflow::SubordinateWorkflow;
use crate::records::RecordError;
use crate::work::Failed;

/// Explains why a subordinate authority was not created, or not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubordinateError {
    /// The call does not fit the state of the authority.
    #[error(transparent)]
    Refused(#[from] TransitionError),
    /// A field of the request is not acceptable. No plugin was asked (decision B20).
    #[error("the {field} of the authority is not acceptable: {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// The reason, without the value.
        reason: String,
    },
    /// The owner may not use the parent, or may not delete the authority (decision B19).
    #[error(transparent)]
    Ca(#[from] CaRefusal),
    /// The plugin failed. If [`effect`](PluginError::effect) says that an effect may remain, the host continues the
    /// creation or the deletion, or a person has to decide. `list` shows the outcome.
    #[error("the connection \"{authority}\" failed at the authority \"{}\": {error}", name.escape_debug())]
    Authority {
        /// The name of the connection.
        authority: AuthorityName,
        /// The name of the subordinate authority.
        name: String,
        /// The plugin's error.
        #[source]
        error: CertificateError,
    },
    /// The host's own records failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<Failed<SubordinateWorkflow>> for SubordinateError {
    fn from(failed: Failed<SubordinateWorkflow>) -> Self {
        failed.into_failure(TransitionError::Exists)
    }
}

impl PluginError for SubordinateError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(refusal) => match refusal {
                TransitionError::NoCa => ErrorKind::NotFound,
                TransitionError::Exists | TransitionError::NameTaken | TransitionError::IdTaken => {
                    ErrorKind::AlreadyExists
                }
                TransitionError::Undecided => ErrorKind::Indeterminate,
                _ => ErrorKind::Conflict,
            },
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Ca(refusal) => refusal.kind(),
            Self::Authority { error, .. } => error.kind(),
            Self::Record(error) => error.kind(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Authority { error, .. } => error.effect(),
            Self::Record(error) => error.effect(),
            _ => Effect::None,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Authority { authority, name, error } => {
                format!("{authority} failed at the authority \"{}\": {}", name.escape_debug(), error.detail())
            }
            Self::Record(error) => error.detail(),
            other => other.to_string(),
        }
    }
}
