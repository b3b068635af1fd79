//! The bodies of writes, checked.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The parts of a body that are there.
#[derive(Debug)]
pub(super) struct Body(Map<String, Value>);

impl Body {
    /// Reads a body.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(bytes).map(Self).map_err(|_| Refusal::invalid("The body is no JSON object"))
    }

    /// Returns the text under a name, if the name is there.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::invalid(format!("`{name}` is no text"))),
        }
    }

    /// Returns the text under a name.
    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::invalid(format!("`{name}` is missing")))
    }

    /// Returns the text under a name, if the name is there. Null and an empty text are none.
    pub(super) fn optional(&self, name: &str) -> Result<Option<Option<&str>>, Refusal> {
        match self.0.get(name) {
            Some(Value::Null) => Ok(Some(None)),
            _ => Ok(self.text(name)?.map(|text| Some(text).filter(|text| !text.is_empty()))),
        }
    }
}
