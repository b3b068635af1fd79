//! What a request brings: a credential in parts, or the wish for another login.

use std::sync::Arc;

use crate::{CredentialRef, SecretText};

/// What a plugin answers to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestOutcome {
    /// There is a credential.
    Issued(Issued),
    /// The plugin needs the user to log in with another provider first; then the host
    /// asks again with the same parameters, and the login stands in
    /// [`Context::additional_logins`](crate::Context::additional_logins) (decision W6).
    LoginRequired(LoginRequired),
}

/// A credential that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Issued {
    /// What the user gets, in this order. It is shown once and never stored.
    pub credential: Vec<CredentialPart>,
    /// By what the plugin knows the credential again; the host stores it.
    pub state: CredentialRef,
}

/// A login that the plugin needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRequired {
    /// The provider, by the name that the host knows it under.
    pub provider: String,
    /// What to tell the user.
    pub message: String,
}

impl Issued {
    /// A credential without parts.
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
    /// What the user sees beside the value. Empty where an old plugin gave none.
    pub name: String,
    /// How to show it.
    pub kind: PartKind,
    value: SecretText,
}

/// How a part of a credential is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartKind {
    /// One line.
    Text,
    /// Several lines.
    Textarea {
        /// How large a field to show.
        size: FieldSize,
    },
    /// Several lines that the user may save as a file.
    Textfile {
        /// How large a field to show.
        size: FieldSize,
        /// The name of the file to suggest. It is the plugin's wish: whoever saves a file
        /// makes sure that it is a plain file name.
        save_as: Option<String>,
    },
}

/// How large a field to show, in characters. Where a number is missing, the user
/// interface chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSize {
    /// The number of lines.
    pub rows: Option<u32>,
    /// The number of characters in a line.
    pub columns: Option<u32>,
}

impl PartKind {
    /// The word on the wire: `text`, `textarea` or `textfile`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Textarea { .. } => "textarea",
            Self::Textfile { .. } => "textfile",
        }
    }
}

impl CredentialPart {
    /// A part of any kind.
    pub fn new(name: impl Into<String>, kind: PartKind, value: impl Into<SecretText>) -> Self {
        Self { name: name.into(), kind, value: value.into() }
    }

    /// One line.
    pub fn text(name: impl Into<String>, value: impl Into<SecretText>) -> Self {
        Self::new(name, PartKind::Text, value)
    }

    /// Several lines.
    pub fn textarea(name: impl Into<String>, value: impl Into<SecretText>) -> Self {
        Self::new(name, PartKind::Textarea { size: FieldSize::default() }, value)
    }

    /// Several lines that can be saved as a file.
    pub fn textfile(name: impl Into<String>, value: impl Into<SecretText>) -> Self {
        Self::new(name, PartKind::Textfile { size: FieldSize::default(), save_as: None }, value)
    }

    /// Sets the size of the field; a part of the kind text has none and stays as it is.
    #[must_use]
    pub fn size(mut self, rows: u32, columns: u32) -> Self {
        if let PartKind::Textarea { size } | PartKind::Textfile { size, .. } = &mut self.kind {
            *size = FieldSize { rows: Some(rows), columns: Some(columns) };
        }
        self
    }

    /// Sets the name of the file to suggest; only a text file has one.
    #[must_use]
    pub fn save_as(mut self, name: impl Into<String>) -> Self {
        if let PartKind::Textfile { save_as, .. } = &mut self.kind {
            *save_as = Some(name.into());
        }
        self
    }

    /// The value.
    pub fn expose_value(&self) -> &str {
        self.value.expose()
    }
}
