//! Errors of a host as a whole.

use keyway_core::{Effect, ErrorKind, PluginError, RegistryFaults};
use keyway_seal::KeySourceError;

use crate::records::RecordError;

/// The error for a host that could not start or continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// This host cannot drive some of the linked plugins.
    #[error(transparent)]
    Registry(#[from] RegistryFaults),
    /// The host's keys cannot be read.
    #[error("the host's keys cannot be read")]
    Keys(#[from] KeySourceError),
    /// The host's own records failed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Two services have the same name.
    #[error("two services are called `{name}`: give each its own name")]
    DuplicateService {
        /// The name.
        name: String,
    },
    /// Two connections to certificate authorities have the same name.
    #[error("two connections to certificate authorities are called `{name}`: give each its own name")]
    DuplicateAuthority {
        /// The name.
        name: String,
    },
    /// Two connections to vaults have the same name.
    #[error("two connections to vaults are called `{name}`: give each its own name")]
    DuplicateVault {
        /// The name.
        name: String,
    },
    /// Another run of this host is alive.
    #[error("another run of the host `{name}` is alive: end it, or give this one a name of its own")]
    Running {
        /// The name of the host.
        name: String,
    },
    /// Another run of this host has taken over.
    #[error("another run of the host `{name}` has taken over: end this one")]
    Superseded {
        /// The name of the host.
        name: String,
    },
    /// This run of the host has ended: the future that was given to [`run`](super::Host::run) completed, or
    /// [`close`](super::Host::close) was called.
    #[error("this run of the host `{name}` has ended: start the host again")]
    Ended {
        /// The name of the host.
        name: String,
    },
}

impl PluginError for HostError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Registry(error) => error.kind(),
            Self::Keys(error) => error.kind(),
            Self::Record(error) => error.kind(),
            Self::DuplicateService { .. } | Self::DuplicateAuthority { .. } | Self::DuplicateVault { .. } => {
                ErrorKind::Invalid
            }
            Self::Running { .. } | Self::Superseded { .. } => ErrorKind::Conflict,
            Self::Ended { .. } => ErrorKind::Unavailable { retry_after: None },
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Record(error) => error.effect(),
            _ => Effect::None,
        }
    }
}
