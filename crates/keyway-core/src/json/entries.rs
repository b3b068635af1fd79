//! Entries of an object as they are read, borrowed from the text where that is possible.

use std::borrow::Cow;
use std::fmt;

use super::{Json, JsonKind, JsonObject};
use crate::SecretText;
use crate::Wiped;

/// A text that was read. Most stand in what is read as they are.
pub enum Text<'a> {
    /// It has no escapes.
    Plain(&'a str),
    /// Its escapes were resolved.
    Resolved(Wiped<String>),
}

impl<'a> Text<'a> {
    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Resolved(text) => text,
        }
    }

    /// The text as the name of an entry, which is no secret and is not wiped.
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

/// A value that was read.
pub enum Value<'a> {
    /// A text.
    Text(Text<'a>),
    /// Anything else.
    Other(Json),
}

impl Value<'_> {
    /// What kind of value it is.
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

/// A type that takes the entries of an object while it is read.
pub trait Entries<'a>: Default {
    /// Takes an entry, unless there is one of the same name.
    ///
    /// # Errors
    /// The name, when there is. The value is dropped.
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
