//! The named parameters of a request, taken one by one.

use keyway_core::SecretText;
use keyway_core::json::{Json, JsonObject};

use crate::failure::Failure;

/// A text, `null`, or a missing value. `null` and a missing value have different meanings.
#[derive(Debug)]
pub(crate) enum Nullable {
    Missing,
    Null,
    Text(SecretText),
}

/// The parameters that were not taken yet.
#[derive(Debug)]
pub(crate) struct Parameters(JsonObject);

impl Parameters {
    /// Takes an object; a value of another kind is an error.
    ///
    /// # Errors
    /// [`Failure::InvalidParameters`].
    pub(crate) fn of(value: Json) -> Result<Self, Failure> {
        match value {
            Json::Object(entries) => Ok(Self(entries)),
            _ => Err(Failure::InvalidParameters),
        }
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Json> {
        self.0.remove(name)
    }

    /// Takes a mandatory text.
    ///
    /// # Errors
    /// [`Failure::InvalidParameters`].
    pub(crate) fn text(&mut self, name: &str) -> Result<SecretText, Failure> {
        self.optional_text(name)?.ok_or(Failure::InvalidParameters)
    }

    /// Takes a text that may be missing, but not `null`.
    ///
    /// # Errors
    /// [`Failure::InvalidParameters`].
    pub(crate) fn optional_text(&mut self, name: &str) -> Result<Option<SecretText>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(Failure::InvalidParameters),
        }
    }

    /// Takes a text that may be missing or `null`.
    ///
    /// # Errors
    /// [`Failure::InvalidParameters`].
    pub(crate) fn nullable_text(&mut self, name: &str) -> Result<Nullable, Failure> {
        match self.take(name) {
            None => Ok(Nullable::Missing),
            Some(Json::Null) => Ok(Nullable::Null),
            Some(Json::Text(text)) => Ok(Nullable::Text(text)),
            Some(_) => Err(Failure::InvalidParameters),
        }
    }

    /// Takes an integer within a range. Returns `default` if it is missing.
    ///
    /// # Errors
    /// [`Failure::InvalidParameters`].
    pub(crate) fn integer(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<u32>,
        default: u32,
    ) -> Result<u32, Failure> {
        let number = match self.take(name) {
            None => return Ok(default),
            Some(Json::Integer(number)) => number.decimal().parse().ok(),
            Some(_) => None,
        };
        number.filter(|number| range.contains(number)).ok_or(Failure::InvalidParameters)
    }

    /// Takes a boolean. Returns false if it is missing.
    ///
    /// # Errors
    /// [`Failure::InvalidParameters`].
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Failure> {
        match self.take(name) {
            None => Ok(false),
            Some(Json::Boolean(flag)) => Ok(flag),
            Some(_) => Err(Failure::InvalidParameters),
        }
    }

    /// Takes an object.
    ///
    /// # Errors
    /// [`Failure::InvalidParameters`].
    pub(crate) fn object(&mut self, name: &str) -> Result<Self, Failure> {
        self.take(name).ok_or(Failure::InvalidParameters).and_then(Self::of)
    }

    /// Refuses parameters that were not taken. If one was ignored, the request could do something that the caller does
    /// not want.
    ///
    /// # Errors
    /// [`Failure::InvalidParameters`].
    pub(crate) fn end(self) -> Result<(), Failure> {
        if self.0.is_empty() { Ok(()) } else { Err(Failure::InvalidParameters) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(value: serde_json::Value) -> Parameters {
        Parameters::of(value.into()).unwrap()
    }

    #[test]
    fn each_kind_is_taken_or_refused() {
        let mut given = parameters(serde_json::json!({
            "text": "t", "null": null, "number": 7, "large": 1001, "float": 7.0, "flag": true,
        }));
        assert!(matches!(given.nullable_text("null"), Ok(Nullable::Null)));
        assert!(matches!(given.nullable_text("text"), Ok(Nullable::Text(text)) if text.expose() == "t"));
        assert!(matches!(given.nullable_text("missing"), Ok(Nullable::Missing)));
        assert!(given.text("missing").is_err());
        assert_eq!(given.integer("number", 1..=1000, 100).unwrap(), 7);
        assert_eq!(given.integer("missing", 1..=1000, 100).unwrap(), 100);
        assert!(given.integer("large", 1..=1000, 100).is_err());
        assert!(given.integer("float", 1..=1000, 100).is_err());
        assert!(given.flag("flag").unwrap());
        assert!(given.end().is_ok());
    }

    #[test]
    fn nothing_is_ignored() {
        assert!(parameters(serde_json::json!({"other": 1})).end().is_err());
        assert!(Parameters::of(Json::Null).is_err());
    }
}
