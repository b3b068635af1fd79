//! The errors of reading credentials.

use std::io;
use std::path::PathBuf;

use keyway_core::{Effect, ErrorKind, PluginError};

/// An error of reading credentials. No variant shows a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A key is in none of the sources.
    #[error("the {field} is missing: set {variable}, or write it to the credentials file")]
    Missing {
        /// The name of the key.
        field: &'static str,
        /// The variable of the environment that is read first.
        variable: &'static str,
    },
    /// The access key ID is malformed.
    #[error("the access key ID is not a UUID of version 4: copy it from the dashboard again")]
    InvalidAccessKeyId,
    /// The secret access key is malformed.
    #[error("the secret access key is not canonical base64: copy it from the dashboard again")]
    MalformedSecretAccessKey,
    /// Others on this machine can read the file of credentials.
    #[error("{path} can be read by others (mode {mode:03o}): run `chmod 600 {path}`", path = path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file of credentials belongs to another user, who may read and change it at any time.
    #[error("{path} belongs to the user {owner}, and neither to the user of this process nor to root: run `chown` on it", path = path.display())]
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// The user that it belongs to, by number.
        owner: u32,
    },
    /// A line of the file of credentials is malformed.
    #[error("{path}, line {line}: {reason}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The reason.
        reason: &'static str,
    },
    /// The file of credentials cannot be read.
    #[error("{path} cannot be read", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl CredentialsError {
    /// Returns the code word of Locker's newer clients, if they have one for this error: `missing_credentials`,
    /// `invalid_access_key_id`, `malformed_secret_access_key`.
    pub const fn word(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => Some("missing_credentials"),
            Self::InvalidAccessKeyId => Some("invalid_access_key_id"),
            Self::MalformedSecretAccessKey => Some("malformed_secret_access_key"),
            _ => None,
        }
    }
}

impl PluginError for CredentialsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Syntax { .. } => ErrorKind::Invalid,
            Self::Unreadable { .. } => ErrorKind::Internal,
            _ => ErrorKind::Unauthorized,
        }
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}
