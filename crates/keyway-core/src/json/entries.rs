//! Defines the texts, values and entries that the reader passes on while it reads an object. They borrow from the input
//! if possible.

use std::borrow::Cow;
use std::fmt;

use super::{Json, JsonKind, JsonObject};
use crate::SecretText;
use crate::Wiped;

/// A text from the input. Most texts are borrowed.
pub enum Text<'a> {
    /// A text without escapes.
    Plain(&'a str),
    /// A text whose escapes were resolved.
    Resolved(Wiped<String>),
}

impl<'a> Text<'a> {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Resolved(text) => text,
        }
    }

    /// Returns the text as the name of an entry. The name is not wiped, since names are not secret.
    pub fn into_name(self) -> Cow<'a, str> {
        match self {
            Self::Plain(text) => Cow::Borrowed(text),
            Self::Resolved(text) => Cow::Owned(text.take()),
        }
    }
}

impl From<Text<'_>> for SecretText {
    fn from(text: Text<'_>) -> Self {
        match text {
            Text::Plain(text) => text.into(),
            Text::Resolved(text) => text.into(),
        }
    }
}

/// A value from the input.
pub enum Value<'a> {
    /// A text.
    Text(Text<'a>),
    /// A value that is not a text.
    Other(Json),
}

impl Value<'_> {
    /// Returns the kind of the value.
    pub const fn kind(&self) -> JsonKind {
        match self {
            Self::Text(_) => JsonKind::Text,
            Self::Other(value) => value.kind(),
        }
    }
}

impl From<Value<'_>> for Json {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Text(text) => Self::Text(text.into()),
            Value::Other(value) => value,
        }
    }
}

/// A collection that takes the entries of an object one by one, while the reader reads the object.
pub trait Entries<'a>: Default {
    /// Adds an entry, unless there already is an entry with this name.
    ///
    /// # Errors
    /// Returns the name if it is a duplicate. The value is dropped.
    fn add(&mut self, name: Text<'a>, value: Value<'a>) -> Result<(), Cow<'a, str>>;
}

impl<'a> Entries<'a> for JsonObject {
    #[inline]
    fn add(&mut self, name: Text<'a>, value: Value<'a>) -> Result<(), Cow<'a, str>> {
        use std::collections::btree_map::Entry;

        match self.entry(name.into_name().into_owned()) {
            Entry::Vacant(place) => {
                place.insert(value.into());
                Ok(())
            }
            Entry::Occupied(there) => Err(Cow::Owned(there.key().clone())),
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.as_str().len())
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({})", self.kind())
    }
}
