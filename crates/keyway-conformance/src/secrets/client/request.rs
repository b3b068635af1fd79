//! Describes requests to a client, and its answers, as data.

use std::fmt;

use keyway_client::Layer;
use keyway_core::SecretText;
use keyway_core::SecretValue;
use keyway_secrets::Environment;

/// One operation of a client (Locker seed, "Usages").
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Request {
    /// The text of the secret of a key, or nothing. Answers [`Response::Text`].
    Get(String),
    /// Reads the text of a secret, or this default. Answers [`Response::Text`].
    GetOr {
        /// The key.
        key: String,
        /// The answer if the secret does not exist.
        default: SecretText,
    },
    /// The text of the secret of a key, which must be there. Answers [`Response::Text`].
    GetRequired(String),
    /// The secret of a key, or nothing. Answers [`Response::Secret`].
    Find(String),
    /// The secret of a key, which must be there. Answers [`Response::Secret`].
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
    /// Takes the secret of a key away. Answers [`Response::Done`].
    Delete(String),
    /// Lists all environments. Answers [`Response::Environments`].
    ListEnvironments,
    /// The environment of a name. Answers [`Response::Environments`].
    RetrieveEnvironment(String),
    /// The environment of a name, by the seed's older operation, which decision L11 keeps. Answers
    /// [`Response::Environments`], with none in it when there is none.
    GetEnvironment(String),
    /// Creates an environment. Answers [`Response::Environments`].
    CreateEnvironment {
        /// Its name.
        name: String,
        /// Its URL.
        external_url: Option<String>,
    },
    /// Changes the URL of an environment. Answers [`Response::Environments`].
    ModifyEnvironment {
        /// Its name.
        name: String,
        /// Its URL.
        external_url: Option<String>,
    },
    /// All secrets of the place as a file of a format. Answers [`Response::File`].
    Export(FileFormat),
    /// Imports the secrets of a file into the client's scope. Answers [`Response::Imported`].
    Import {
        /// The format of the file.
        format: FileFormat,
        /// The file.
        text: SecretText,
    },
}

/// Names the format of a file of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// `KEY="value"` lines.
    Dotenv,
    /// An object of texts.
    Json,
}

/// An answer of a client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Response {
    /// A text; `None` if it does not exist.
    Text(Option<SecretText>),
    /// A secret; `None` if it does not exist.
    Secret(Option<Found>),
    /// Secrets.
    Secrets(Vec<Found>),
    /// Keys, each with its layer.
    Names(Vec<(String, Layer)>),
    /// The request was carried out.
    Done,
    /// Environments.
    Environments(Vec<Environment>),
    /// A file.
    File(SecretText),
    /// The numbers of secrets that an import created, changed and left alone.
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
    /// The environment of the secret; `None` for a shared one.
    pub environment: Option<String>,
    /// The layer of the secret.
    pub layer: Layer,
    /// The id.
    pub id: String,
    /// The description.
    pub description: Option<String>,
    /// The value.
    pub value: SecretValue,
    /// The debugging text of the client's own type. It must not contain the value.
    pub shown: String,
}

/// A failure as a client returns it, in the words of decision L6.
#[derive(Clone, Default)]
pub struct ClientFailure {
    /// The code of the row of the error table.
    pub code: String,
    /// The status of the row; none for `cli_error` and `locker_error`.
    pub http_status: Option<u16>,
    /// What happened in this case, for the user.
    pub user_message: String,
    /// The meaning of errors of this row.
    pub description: String,
    /// The missing item, if the failure names one.
    pub missing: Option<Missing>,
    /// All text that the error shows when it is printed in any way, its causes included.
    pub shown: String,
}

impl fmt::Debug for ClientFailure {
    // Omits `shown`, which may hold a value if the client is faulty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFailure")
            .field("code", &self.code)
            .field("http_status", &self.http_status)
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

/// Names what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The secret.
    Secret,
    /// The environment.
    Environment,
}
