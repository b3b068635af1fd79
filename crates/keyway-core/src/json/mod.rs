//! JSON whose texts may be secret: values that are wiped, a strict reader, and a writer of ASCII JSON.
//!
//! Three contracts exchange JSON objects with plugins: issuers get data of users and providers, certificate plugins
//! have their own data, and credential stores have cookies.

mod bounded;
mod entries;
mod error;
mod plain;
mod read;
mod shared;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::fmt;

use crate::{Integer, SecretText};

pub use crate::key::shown as shown_name;
pub use bounded::{
    BoundedObject, EMPTY_OBJECT_BYTES, ObjectLimit, entry_bytes, nests_within, object_to_ascii,
};
pub use entries::{Entries, Text, Value};
pub use error::{JsonError, JsonFault};
pub use read::{Duplicates, Reader, Trailing};
pub use shared::SharedObject;
pub use write::Writer;

/// The named values of a JSON object, ordered by the bytes of their names.
pub type JsonObject = BTreeMap<String, Json>;

/// A JSON value.
///
/// Data of users, providers and plugins may be secret. So `Debug` shows the shape but no values, and texts are
/// zeroized. Integers can have any size, as in WaTTS: a subject's claim may be longer than 64 bits.
///
/// ```
/// use keyway_core::json::Json;
///
/// let groups = Json::from(serde_json::json!({"groups": ["admins", 17]}));
/// assert_eq!(*groups.to_ascii(), *r#"{"groups":["admins",17]}"#);
/// assert_eq!(format!("{groups:?}"), "Json(object of 1)");
/// ```
#[derive(Clone)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without a fraction or an exponent, of any size.
    Integer(Integer),
    /// A number with a fraction or an exponent.
    Float(Float),
    /// A text.
    Text(SecretText),
    /// A list.
    Array(Vec<Json>),
    /// An object of named values.
    Object(JsonObject),
}

/// A floating-point number that is neither infinite nor NaN, because JSON has neither.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Float(f64);

impl Float {
    /// Creates the number. Returns `None` if it is infinite or NaN.
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number))
    }

    /// Returns the number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Debug for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Float([REDACTED])")
    }
}

impl Json {
    /// Creates a text.
    pub fn text(text: impl Into<SecretText>) -> Self {
        Self::Text(text.into())
    }

    /// Returns the text, or `None` if the value is not a text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.expose()),
            _ => None,
        }
    }

    /// Returns the entry with this name, or `None` if the value is not an object or has no such entry.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(entries) => entries.get(name),
            _ => None,
        }
    }

    /// Writes the value as ASCII JSON in WaTTS's format: characters outside ASCII are escaped, `/` is written as `\/`,
    /// names are sorted, and nothing is indented.
    pub fn to_ascii(&self) -> crate::Wiped<String> {
        write::to_ascii(self)
    }

    /// Converts the value for `serde_json`.
    ///
    /// An integer beyond 64 bits becomes a text of its digits. The result is not zeroized.
    pub fn to_serde(&self) -> serde_json::Value {
        use serde_json::{Number, Value};
        match self {
            Self::Null => Value::Null,
            Self::Boolean(truth) => Value::Bool(*truth),
            Self::Integer(integer) => {
                let decimal = integer.decimal();
                let number = decimal.parse::<i64>().map(Number::from);
                match number.or_else(|_| decimal.parse::<u64>().map(Number::from)) {
                    Ok(number) => Value::Number(number),
                    Err(_) => Value::String(decimal.to_owned()),
                }
            }
            Self::Float(float) => Number::from_f64(float.get()).map_or(Value::Null, Value::Number),
            Self::Text(text) => Value::String(text.expose().to_owned()),
            Self::Array(items) => Value::Array(items.iter().map(Self::to_serde).collect()),
            Self::Object(entries) => {
                entries.iter().map(|(name, value)| (name.clone(), value.to_serde())).collect()
            }
        }
    }

    /// Returns the kind of the value, for messages.
    pub const fn kind(&self) -> JsonKind {
        match self {
            Self::Null => JsonKind::Null,
            Self::Boolean(_) => JsonKind::Boolean,
            Self::Integer(_) | Self::Float(_) => JsonKind::Number,
            Self::Text(_) => JsonKind::Text,
            Self::Array(_) => JsonKind::Array,
            Self::Object(_) => JsonKind::Object,
        }
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a.decimal() == b.decimal(),
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => a == b,
            _ => false,
        }
    }
}

/// Creates an object without entries, such as the configuration of a plugin that needs none.
impl Default for Json {
    fn default() -> Self {
        Self::Object(JsonObject::new())
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Boolean(truth),
            Value::Number(number) => match Integer::parse(&number.to_string()) {
                Some(integer) => Self::Integer(integer),
                None => number.as_f64().and_then(Float::new).map_or(Self::Null, Self::Float),
            },
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Value::Object(entries) => {
                Self::Object(entries.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<bool> for Json {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(items) => write!(f, "Json(array of {})", items.len()),
            Self::Object(entries) => write!(f, "Json(object of {})", entries.len()),
            other => write!(f, "Json({})", other.kind()),
        }
    }
}

/// The kinds of JSON values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsonKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list.
    Array,
    /// Named values.
    Object,
}

impl fmt::Display for JsonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Text => "text",
            Self::Array => "array",
            Self::Object => "object",
        })
    }
}
