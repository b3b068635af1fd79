//! The errors of requesting or revoking a credential.

use std::borrow::Cow;

use keyway_core::{Effect, ErrorKind, PluginError, Timestamp};
use keyway_issuers::IssuerError;

use super::id::GrantId;
use super::machine::{GrantState, Phase, TransitionError};
use super::workflow::GrantWorkflow;
use crate::records::RecordError;
use crate::work::{Failed, FailedBecause};

/// The error for a credential that was not made or not revoked.
///
/// `Display` is for the operator, [`user_message`](Self::user_message) for the user, and
/// [`detail`](PluginError::detail) for the log (WaTTS seed). None of these texts holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrantsError {
    /// The gate refused, or the call does not fit the phase of the grant.
    #[error(transparent)]
    Refused(#[from] TransitionError),
    /// The plugin made no credential, or was not called.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// It is unknown whether the plugin made a credential. The grant stays listed. If the plugin can tell the outcome,
    /// the host asks it later. Otherwise a person [decides](super::Grants::decide).
    #[error("it is not known whether there is a credential (grant {grant}): {error}")]
    Uncertain {
        /// The grant.
        grant: GrantId,
        /// The failure of the call.
        #[source]
        error: IssuerError,
    },
    /// The plugin's reference to the new credential is that of another grant, and the service rejects such answers. The
    /// other grant stays, and counts the new credential as an orphan (decision W6).
    #[error(
        "the plugin returned the state of another grant ({grant}); nothing was revoked: revoke that grant first"
    )]
    StateTaken {
        /// The grant that has the reference already.
        grant: GrantId,
    },
    /// The plugin made a credential but broke its contract, so the credential is not handed out.
    #[error("the credential was discarded ({disposal}): {error}")]
    Discarded {
        /// Whether the credential was revoked.
        disposal: Disposal,
        /// The plugin's violation of its contract.
        #[source]
        error: IssuerError,
    },
    /// The change of the grant could not be stored. A new credential is not handed out, and a revoked one stays listed
    /// until the host has revoked it again.
    ///
    /// See decision W6.
    #[error("the change of the grant could not be stored ({disposal}): {error}")]
    NotStored {
        /// Whether the credential was revoked.
        disposal: Disposal,
        /// The failure of the records.
        #[source]
        error: RecordError,
    },
    /// Another host settled the intent of this request before the plugin answered, so the
    /// credential is not handed out.
    #[error(
        "another host settled the grant {grant} while the plugin was asked; the credential was discarded ({disposal})"
    )]
    Overtaken {
        /// The grant.
        grant: GrantId,
        /// Whether the credential was revoked.
        disposal: Disposal,
    },
    /// The credential was not revoked. The grant stays (decision W6).
    #[error("the credential of grant {grant} was not revoked: {error}")]
    NotRevoked {
        /// The grant.
        grant: GrantId,
        /// The number of attempts since the revocation was requested.
        failures: u32,
        /// The time at which the host tries again on its own.
        retry_at: Option<Timestamp>,
        /// The plugin's error.
        #[source]
        error: IssuerError,
    },
    /// The host's own records failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Whether a credential that is not handed out was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disposal {
    /// The credential was revoked.
    Revoked,
    /// The credential will be revoked. The host retries on its own.
    ToBeRevoked,
    /// The credential could not be revoked. The intent stays listed.
    NotRevoked,
    /// The credential was not revoked, because a grant has the same reference, and the plugin cannot tell the two
    /// credentials apart.
    SharesState,
}

impl std::fmt::Display for Disposal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Revoked => "and revoked",
            Self::ToBeRevoked => "and is to be revoked",
            Self::NotRevoked => "but could not be revoked; the intent stays listed",
            Self::SharesState => "and not revoked, because a grant has its state",
        })
    }
}

impl GrantsError {
    /// Returns the message for the user. It reveals nothing internal (WaTTS seed, key `user_msg`).
    pub fn user_message(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Issuer(error)
            | Self::Uncertain { error, .. }
            | Self::NotRevoked { error, .. }
            | Self::Discarded { error, .. } => return error.user_message(),
            Self::Refused(refusal) => match refusal {
                TransitionError::NoService => "There is no such service. Please contact the administrator.",
                TransitionError::NotAllowed => "You are not allowed to use this service.",
                TransitionError::Disabled => "The service is disabled. Please contact the administrator.",
                TransitionError::Parameters(_) => {
                    "The parameters of the request do not fit. Please check them."
                }
                TransitionError::Claims => {
                    "What your login says about you cannot be kept. Please contact the administrator."
                }
                TransitionError::LimitReached { .. } => {
                    "You have reached the limit of credentials for this service. Please revoke one first."
                }
                TransitionError::NoGrant => "There is no such credential.",
                TransitionError::InFlight | TransitionError::BeingRevoked => {
                    "This is being worked on. Please try again in a moment."
                }
                TransitionError::Granted => "You have this credential already.",
                TransitionError::Undecided | TransitionError::NothingToDo | TransitionError::StateTaken => {
                    "This cannot be done at the moment. Please contact the administrator."
                }
            },
            Self::StateTaken { .. } => {
                "You have a credential of this kind already. Please revoke it before you request another."
            }
            Self::NotStored { disposal: Disposal::Revoked, .. }
            | Self::Overtaken { disposal: Disposal::Revoked, .. } => {
                "The credential could not be kept and was discarded. Please try again later."
            }
            Self::NotStored { .. } | Self::Overtaken { .. } => {
                "This could not be completed. Please look at your credentials, and try again later."
            }
            Self::Record(_) => "The service had an error. Please contact the administrator.",
        })
    }
}

impl GrantsError {
    /// Adds the number of failures and the time of the next attempt to the error of a failed revocation.
    pub(super) fn completed(self, state: Option<&GrantState>) -> Self {
        match (self, state) {
            (Self::NotRevoked { grant, error, .. }, Some(state)) => {
                Self::NotRevoked { grant, failures: state.failures, retry_at: state.next, error }
            }
            (error, _) => error,
        }
    }

    /// Returns the error for a request that led to no credential although every step was stored.
    pub(super) fn of_request(
        grant: GrantId,
        state: Option<&GrantState>,
        failures: Vec<Self>,
        holder: Option<GrantId>,
    ) -> Self {
        let mut failures = failures.into_iter();
        let (first, second) = (failures.next(), failures.next());
        let left = match state.map(|state| state.phase) {
            None => Disposal::Revoked,
            Some(Phase::Revoking) => Disposal::ToBeRevoked,
            Some(_) => Disposal::NotRevoked,
        };
        match first {
            Some(Self::Discarded { error, .. }) => {
                let disposal = match second {
                    Some(Self::Overtaken { disposal, .. }) => disposal,
                    _ if state.is_none() && holder.is_some() => Disposal::SharesState,
                    _ => left,
                };
                Self::Discarded { disposal, error }
            }
            // An earlier attempt of the same request may have made a credential.
            Some(Self::Issuer(error)) if state.is_some() => Self::Uncertain { grant, error },
            // The credential came late, and its revocation was stored.
            Some(Self::NotRevoked { .. }) => Self::Overtaken { grant, disposal: left },
            Some(error) => error,
            None => match holder {
                Some(holder) => Self::StateTaken { grant: holder },
                None => Self::Overtaken { grant, disposal: left },
            },
        }
    }
}

impl From<Failed<GrantWorkflow>> for GrantsError {
    fn from(Failed { because, state, failures, was_asked, .. }: Failed<GrantWorkflow>) -> Self {
        let mut failures = failures.into_iter();
        let (first, last) = (failures.next(), failures.next_back());
        match because {
            FailedBecause::Refused { error: TransitionError::StateTaken, holder: Some(holder) } => {
                Self::StateTaken { grant: GrantId::of(holder.address) }
            }
            FailedBecause::Refused { error, .. } => first.unwrap_or(Self::Refused(error)),
            FailedBecause::LimitReached(limit) => TransitionError::LimitReached { limit }.into(),
            FailedBecause::Storage(error) => match (first, last) {
                (Some(Self::Overtaken { disposal, .. }), None) => Self::NotStored { disposal, error },
                (Some(Self::Discarded { error, .. }), Some(Self::Overtaken { disposal, .. })) => {
                    Self::Discarded { disposal, error }
                }
                (Some(first), _) => first,
                (None, _) if was_asked => {
                    let revokes = state.is_some_and(|state| state.phase == Phase::Revoking);
                    let disposal = if revokes { Disposal::ToBeRevoked } else { Disposal::NotRevoked };
                    Self::NotStored { disposal, error }
                }
                (None, _) => Self::Record(error),
            },
        }
    }
}

impl PluginError for GrantsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(refusal) => match refusal {
                TransitionError::NoService | TransitionError::NoGrant => ErrorKind::NotFound,
                TransitionError::NotAllowed => ErrorKind::Denied,
                TransitionError::Disabled => ErrorKind::Unavailable { retry_after: None },
                TransitionError::Parameters(_) | TransitionError::Claims => ErrorKind::Invalid,
                TransitionError::Granted => ErrorKind::AlreadyExists,
                TransitionError::Undecided => ErrorKind::Indeterminate,
                TransitionError::LimitReached { .. }
                | TransitionError::InFlight
                | TransitionError::BeingRevoked
                | TransitionError::StateTaken
                | TransitionError::NothingToDo => ErrorKind::Conflict,
            },
            Self::Issuer(error) | Self::NotRevoked { error, .. } => error.kind(),
            Self::Uncertain { .. } => ErrorKind::Indeterminate,
            Self::StateTaken { .. } | Self::Overtaken { .. } => ErrorKind::Conflict,
            Self::Discarded { .. } => ErrorKind::ContractViolation,
            Self::NotStored { error, .. } | Self::Record(error) => error.kind(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Issuer(error) | Self::NotRevoked { error, .. } => error.effect(),
            Self::Record(error) => error.effect(),
            Self::Discarded { disposal, .. }
            | Self::NotStored { disposal, .. }
            | Self::Overtaken { disposal, .. } => match disposal {
                Disposal::Revoked => Effect::None,
                Disposal::ToBeRevoked | Disposal::NotRevoked | Disposal::SharesState => Effect::Unknown,
            },
            Self::Uncertain { .. } | Self::StateTaken { .. } => Effect::Unknown,
            Self::Refused(_) => Effect::None,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Issuer(error) => error.detail(),
            Self::Uncertain { grant, error } => format!("grant {grant} is uncertain: {}", error.detail()),
            Self::Discarded { disposal, error } => {
                format!("a credential was discarded ({disposal}): {}", error.detail())
            }
            Self::NotStored { disposal, error } => {
                format!("the change of a grant could not be stored ({disposal}): {}", error.detail())
            }
            Self::NotRevoked { grant, failures, error, .. } => {
                format!("grant {grant} was not revoked, {failures} times in a row: {}", error.detail())
            }
            Self::Record(error) => error.detail(),
            other => other.to_string(),
        }
    }
}
