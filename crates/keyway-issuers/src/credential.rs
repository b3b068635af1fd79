//! The outcome of a request: a credential in parts, or a demand for another login.

use std::sync::Arc;

use crate::{CredentialRef, SecretText};

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestOutcome {
    /// The plugin made a credential.
    Issued(Issued),
    /// The plugin needs the user to log in with another provider first.
    ///
    /// After that login, the host repeats the request with the same parameters, and with the login in
    /// [`Requester::additional_logins`](crate::Requester::additional_logins) (decision W6).
    LoginRequired(LoginRequired),
}

/// A credential that a plugin made.
#[derive(Clone, Debug, PartialEq)]
pub struct Issued {
    /// The parts that the user gets, in this order. They are shown once and never stored.
    pub credential: Vec<CredentialPart>,
    /// The reference by which the plugin recognizes the credential later; the host stores it.
    pub state: CredentialRef,
}

/// A login that a plugin needs before it makes a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRequired {
    /// The provider, by its name at the host.
    pub provider: String,
    /// The message to the user.
    pub message: String,
}

impl Issued {
    /// Creates a credential without parts.
    pub fn new(state: impl Into<Arc<str>>) -> Self {
        Self { credential: Vec::new(), state: CredentialRef::new(state) }
    }

    /// Adds a part at the end.
    #[must_use]
    pub fn with(mut self, part: CredentialPart) -> Self {
        self.credential.push(part);
        self
    }
}

impl From<Issued> for RequestOutcome {
    fn from(issued: Issued) -> Self {
        Self::Issued(issued)
    }
}

/// One part of a credential, as a user sees it (WaTTS seed, "Performing a Request").
///
/// ```
/// use keyway_issuers::CredentialPart;
///
/// let key = CredentialPart::textfile("private key", "-----BEGIN").size(30, 70).save_as("id_ed25519");
/// assert_eq!(key.expose_value(), "-----BEGIN");
/// assert!(!format!("{key:?}").contains("BEGIN"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialPart {
    /// The label that the user sees beside the value. It is empty if an old plugin gave no label.
    pub name: String,
    /// The way to show the part.
    pub kind: PartKind,
    value: SecretText,
}

/// The way to show a part of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartKind {
    /// One line.
    Text,
    /// Several lines.
    Textarea {
        /// The size of the field.
        size: FieldSize,
    },
    /// Several lines that the user may save as a file.
    Textfile {
        /// The size of the field.
        size: FieldSize,
        /// The file name to suggest. The plugin chooses it, so a program that saves the file must
        /// check that it is a plain file name.
        save_as: Option<String>,
    },
}

/// The size of a field in characters. The user interface chooses the numbers that are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSize {
    /// The number of lines.
    pub rows: Option<u32>,
    /// The number of characters in a line.
    pub columns: Option<u32>,
}

impl PartKind {
    /// Returns the word on the wire: `text`, `textarea` or `textfile`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Textarea { .. } => "textarea",
            Self::Textfile { .. } => "textfile",
        }
    }
}

impl CredentialPart {
    /// Creates a part of any kind.
    pub fn new(name: impl Into<String>, kind: PartKind, value: impl Into<SecretText>) -> Self {
        Self { name: name.into(), kind, value: value.into() }
    }

    /// Creates a part of one line.
    pub fn text(name: impl Into<String>, value: impl Into<SecretText>) -> Self {
        Self::new(name, PartKind::Text, value)
    }

    /// Creates a part of several lines.
    pub fn textarea(name: impl Into<String>, value: impl Into<SecretText>) -> Self {
        Self::new(name, PartKind::Textarea { size: FieldSize::default() }, value)
    }

    /// Creates a part of several lines that the user may save as a file.
    pub fn textfile(name: impl Into<String>, value: impl Into<SecretText>) -> Self {
        Self::new(name, PartKind::Textfile { size: FieldSize::default(), save_as: None }, value)
    }

    /// Sets the size of the field. A part of the kind text has no size, and is not changed.
    #[must_use]
    pub fn size(mut self, rows: u32, columns: u32) -> Self {
        if let PartKind::Textarea { size } | PartKind::Textfile { size, .. } = &mut self.kind {
            *size = FieldSize { rows: Some(rows), columns: Some(columns) };
        }
        self
    }

    /// Sets the file name to suggest. Only a text file has one.
    #[must_use]
    pub fn save_as(mut self, name: impl Into<String>) -> Self {
        if let PartKind::Textfile { save_as, .. } = &mut self.kind {
            *save_as = Some(name.into());
        }
        self
    }

    /// Returns the value.
    pub fn expose_value(&self) -> &str {
        self.value.expose()
    }
}
