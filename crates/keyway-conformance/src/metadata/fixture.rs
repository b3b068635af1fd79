//! The fixture of the rules for metadata. It reads the plugin's document again for every check.

use std::ops::Deref;

use serde_json::{Map, Value};

use super::MetadataSubject;
use crate::notation::Fixture;
use crate::{Broken, Trial, broken};

/// Reads the document of the plugin under test.
pub(super) struct MetadataFixture<'a>(&'a Trial<'a, dyn MetadataSubject>);

impl<'a> Fixture<'a> for MetadataFixture<'a> {
    type Subject = dyn MetadataSubject;

    fn new(trial: &'a Trial<'a, Self::Subject>) -> Result<Self, Broken> {
        Ok(Self(trial))
    }
}

impl<'a> Deref for MetadataFixture<'a> {
    type Target = Trial<'a, dyn MetadataSubject>;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl MetadataFixture<'_> {
    pub(super) fn document(&self) -> Result<Map<String, Value>, Broken> {
        let text = self.subject().document();
        self.history().record(format!("document: {text}"));
        match serde_json::from_str(&text) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(broken("a JSON object", "another JSON value")),
            Err(error) => Err(broken("a JSON object", error.to_string())),
        }
    }

    /// Reads the value at `key` or at `plugin.key`. Returns null if there is no value.
    pub(super) fn field(&self, key: &str) -> Result<Value, Broken> {
        let mut document = self.document()?;
        Ok(match key.strip_prefix("plugin.") {
            Some(inner) => {
                document.get_mut("plugin").and_then(|plugin| plugin.get_mut(inner)).map(Value::take)
            }
            None => document.remove(key),
        }
        .unwrap_or_default())
    }

    pub(super) fn text(&self, key: &str) -> Result<String, Broken> {
        match self.field(key)? {
            Value::String(text) => Ok(text),
            other => Err(broken(format!("a text at `{key}`"), other.to_string())),
        }
    }
}
