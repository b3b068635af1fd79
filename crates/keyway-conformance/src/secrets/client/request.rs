//! The requests to a client, and its answers, as data.

use std::fmt;

use keyway_client::Layer;
use keyway_core::SecretText;
use keyway_core::SecretValue;
use keyway_secrets::Environment;

/// One operation of a client (Locker seed, "Usages").
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Request {
    /// Reads the text of a secret, if the secret exists. Answers [`Response::Text`].
    Get(String),
    /// Reads the text of a secret, or returns a default. Answers [`Response::Text`].
    GetOr {
        /// The key.
        key: String,
        /// The answer if the secret does not exist.
        default: SecretText,
    },
    /// Reads the text of a secret that must exist. Answers [`Response::Text`].
    GetRequired(String),
    /// Reads a secret, if it exists. Answers [`Response::Secret`].
    Find(String),
    /// Reads a secret that must exist. Answers [`Response::Secret`].
    Retrieve(String),
    /// Lists all secrets in the client's scope, with values. Answers [`Response::Secrets`].
    List,
    /// Lists all keys in the client's scope. Answers [`Response::Names`].
    ListNames,
    /// Creates a secret. Answers [`Response::Done`].
    Create {
        /// The key.
        key: String,
        /// The value.
        value: SecretValue,
    },
    /// Changes the value of a secret. Answers [`Response::Done`].
    Modify {
        /// The key.
        key: String,
        /// The value.
        value: SecretValue,
    },
    /// Deletes a secret. Answers [`Response::Done`].
    Delete(String),
    /// Lists all environments. Answers [`Response::Environments`].
    ListEnvironments,
    /// Reads the environment with this name. Answers [`Response::Environments`].
    RetrieveEnvironment(String),
    /// Reads the environment with this name through the seed's older operation, which decision L11 keeps. Answers
    /// [`Response::Environments`] with an empty list if the environment does not exist.
    GetEnvironment(String),
    /// Creates an environment. Answers [`Response::Environments`].
    CreateEnvironment {
        /// The name of the environment.
        name: String,
        /// The URL of the environment, if it has one.
        external_url: Option<String>,
    },
    /// Changes the URL of an environment. Answers [`Response::Environments`].
    ModifyEnvironment {
        /// The name of the environment.
        name: String,
        /// The new URL of the environment; `None` removes the URL.
        external_url: Option<String>,
    },
    /// Exports all secrets in the client's scope to a file of this format. Answers [`Response::File`].
    Export(FileFormat),
    /// Imports the secrets of a file into the client's scope. Answers [`Response::Imported`].
    Import {
        /// The format of the file.
        format: FileFormat,
        /// The content of the file.
        text: SecretText,
    },
}

/// The format of a file of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// `KEY="value"` lines.
    Dotenv,
    /// A JSON object of texts.
    Json,
}

/// An answer of a client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Response {
    /// A text; `None` if the secret does not exist.
    Text(Option<SecretText>),
    /// A secret; `None` if it does not exist.
    Secret(Option<Found>),
    /// A list of secrets.
    Secrets(Vec<Found>),
    /// Keys, each with its layer.
    Names(Vec<(String, Layer)>),
    /// The request was carried out.
    Done,
    /// A list of environments.
    Environments(Vec<Environment>),
    /// The content of a file.
    File(SecretText),
    /// The result of an import.
    Imported {
        /// The number of created secrets.
        created: usize,
        /// The number of changed secrets.
        changed: usize,
        /// The number of unchanged secrets.
        unchanged: usize,
    },
}

/// A secret as a client returns it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The key.
    pub key: String,
    /// The environment of the secret; `None` for a shared secret.
    pub environment: Option<String>,
    /// The layer of the secret.
    pub layer: Layer,
    /// The id.
    pub id: String,
    /// The description.
    pub description: Option<String>,
    /// The value.
    pub value: SecretValue,
    /// The `Debug` text of the client's own type. It must not contain the value.
    pub shown: String,
}

/// A failure as a client returns it: its row of the error table in decision L6, and what happened in this case.
#[derive(Clone, Default)]
pub struct ClientFailure {
    /// The code in the failure's row of the error table.
    pub code: String,
    /// The HTTP status of the row; `None` for `cli_error` and `locker_error`.
    pub http_status: Option<u16>,
    /// The message for the user, which says what happened in this case.
    pub user_message: String,
    /// The description that all errors of this row of the error table share.
    pub description: String,
    /// The missing item, if the failure names one.
    pub missing: Option<Missing>,
    /// All text that the error and its causes show, however they are printed.
    pub shown: String,
}

impl fmt::Debug for ClientFailure {
    // Omits `shown`, which may contain a value if the client is faulty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFailure")
            .field("code", &self.code)
            .field("http_status", &self.http_status)
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

/// The kind of a missing item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A secret.
    Secret,
    /// An environment.
    Environment,
}
