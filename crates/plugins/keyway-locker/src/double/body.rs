//! The bodies of write requests, and their checks.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The fields of a body.
#[derive(Debug)]
pub(super) struct Body(Map<String, Value>);

/// A field that a client may omit or leave empty.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<'a> {
    /// The field is missing.
    Missing,
    /// The field is empty or null.
    Empty,
    /// The field has a text.
    Text(&'a str),
}

impl Body {
    /// Reads a body.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(bytes).map(Self).map_err(|_| Refusal::invalid("The body is not a JSON object"))
    }

    /// Returns the text of a field, if the field exists.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::invalid(format!("`{name}` is not a text"))),
        }
    }

    /// Returns the text of a field that must exist.
    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::invalid(format!("`{name}` is missing")))
    }

    /// Returns a field that a client may omit or leave empty. Null counts as an empty text.
    pub(super) fn optional(&self, name: &str) -> Result<Field<'_>, Refusal> {
        if self.0.get(name).is_some_and(Value::is_null) {
            return Ok(Field::Empty);
        }
        Ok(match self.text(name)? {
            None => Field::Missing,
            Some("") => Field::Empty,
            Some(text) => Field::Text(text),
        })
    }
}
