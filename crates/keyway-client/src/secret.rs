//! The results of a client and the arguments of its writes.

use std::fmt;

use keyway_core::SecretText;
use keyway_core::SecretValue;
use keyway_secrets::{EnvironmentName, NewValue, Recipe, Secret, SecretChange, SecretHeader, SecretName};

use crate::{Error, Layer};

/// A secret and the layer in which it was found (Locker seed, "Retrieve a secret").
///
/// See decision L1.
#[derive(Clone)]
#[non_exhaustive]
pub struct ResolvedSecret {
    /// Id, key, environment, description, version and dates.
    pub header: SecretHeader,
    /// The value, of any kind.
    pub value: SecretValue,
    /// The layer in which the secret was found.
    pub layer: Layer,
}

impl ResolvedSecret {
    pub(crate) fn new(secret: Secret) -> Self {
        let layer = layer_of(&secret.header);
        Self { header: secret.header, value: secret.value, layer }
    }

    /// Returns the key.
    pub fn key(&self) -> &str {
        self.header.address.name.as_str()
    }

    /// Returns the environment that the secret belongs to, or `None` for a shared secret.
    ///
    /// A secret found by the fallback is shared, whatever the client's environment is.
    pub fn environment(&self) -> Option<&str> {
        self.header.address.environment.as_ref().map(EnvironmentName::as_str)
    }

    /// Returns the text, if the value is one.
    pub fn expose_text(&self) -> Option<&str> {
        self.value.expose_text()
    }

    /// Returns the value as a secret text.
    ///
    /// # Errors
    /// [`NotText`](Error::NotText) for bytes and structured values.
    pub fn into_text(self) -> Result<SecretText, Error> {
        text_of(Secret { header: self.header, value: self.value })
    }
}

pub(crate) fn text_of(secret: Secret) -> Result<SecretText, Error> {
    match secret.value {
        SecretValue::Text(text) => Ok(text),
        other => Err(Error::NotText { address: secret.header.address, kind: other.kind() }),
    }
}

impl fmt::Debug for ResolvedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The description is omitted too: not all readers of logs may see it.
        f.debug_struct("ResolvedSecret")
            .field("address", &self.header.address)
            .field("version", &self.header.version)
            .field("layer", &self.layer)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

pub(crate) fn layer_of(header: &SecretHeader) -> Layer {
    match header.address.environment {
        Some(_) => Layer::Environment,
        None => Layer::Shared,
    }
}

/// A key in a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedName {
    /// The key.
    pub name: SecretName,
    /// The layer in which the key was found.
    pub layer: Layer,
}

impl ListedName {
    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        self.name.as_str()
    }
}

/// The content of a new secret. A text converts to a draft:
///
/// ```
/// use keyway_client::{Draft, Recipe, SecretValue};
///
/// let plain: Draft = "correct horse".into();
/// let with_more = Draft::new(SecretValue::bytes([0, 159])).described("the old signing key");
/// let made_by_the_store = Draft::generated(Recipe::new().length(40));
/// # assert!(!format!("{plain:?} {with_more:?}").contains("horse"));
/// ```
#[derive(Clone, Debug)]
pub struct Draft {
    pub(crate) value: NewValue,
    pub(crate) description: Option<String>,
}

impl Draft {
    /// Creates the content from a value, without a description.
    pub fn new(value: SecretValue) -> Self {
        Self { value: NewValue::Given(value), description: None }
    }

    /// Requests a value that the store generates. The recipe modifies the store's settings for this value.
    ///
    /// A store that generates no values returns [`Unsupported`](keyway_secrets::StoreError::Unsupported) (decision
    /// C11).
    pub fn generated(recipe: Recipe) -> Self {
        Self { value: NewValue::Generated(recipe), description: None }
    }

    /// Sets the description.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }
}

/// A change of a secret. Parts that are not set stay unchanged. A text converts to a change of the value:
///
/// ```
/// use keyway_client::Change;
///
/// let new_value: Change = "battery staple".into();
/// let only_the_description = Change::none().described("the new signing key");
/// # assert!(!format!("{new_value:?} {only_the_description:?}").contains("staple"));
/// ```
#[derive(Clone, Debug)]
pub struct Change(pub(crate) SecretChange);

impl Change {
    /// Creates an empty change.
    pub fn none() -> Self {
        Self(SecretChange::default())
    }

    /// Creates a change of the value.
    pub fn value(value: SecretValue) -> Self {
        Self(SecretChange::value(value))
    }

    /// Requests a new value that the store generates.
    ///
    /// See decision C11.
    pub fn generated(recipe: Recipe) -> Self {
        Self(SecretChange::generated(recipe))
    }

    /// Sets the new description.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.0.description = Some(Some(description.into()));
        self
    }

    /// Removes the description.
    #[must_use]
    pub fn without_description(mut self) -> Self {
        self.0.description = Some(None);
        self
    }

    /// Makes the change a conflict if the secret changed since it was read. The store must keep versions.
    #[must_use]
    pub fn if_unchanged(self, read: &SecretHeader) -> Self {
        Self(self.0.if_unchanged(read))
    }
}

impl From<SecretChange> for Change {
    fn from(change: SecretChange) -> Self {
        Self(change)
    }
}

macro_rules! from_values {
    ($($from:ty => |$value:ident| $make:expr),* $(,)?) => {$(
        impl From<$from> for Draft {
            fn from($value: $from) -> Self {
                Self::new($make)
            }
        }

        impl From<$from> for Change {
            fn from($value: $from) -> Self {
                Self::value($make)
            }
        }
    )*};
}

from_values! {
    &str => |text| SecretValue::text(text),
    String => |text| SecretValue::text(text),
    SecretText => |text| SecretValue::Text(text),
    SecretValue => |value| value,
}
