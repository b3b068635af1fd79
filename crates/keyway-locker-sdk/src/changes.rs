//! Reads the changes that `secret.update` makes, and tells whether they move the secret.

use keyway_client::{Change, SecretValue};
use keyway_core::SecretText;

use crate::failure::Failure;
use crate::parameters::{Nullable, Parameters};

/// The entry `changes` of `secret.update`.
#[derive(Debug)]
pub(crate) struct Changes {
    key: Option<SecretText>,
    /// `Null` moves the secret out of its environment.
    environment: Nullable,
    pub(crate) value: Option<SecretText>,
    pub(crate) description: Option<SecretText>,
}

/// The new place of a secret.
#[derive(Debug)]
pub(crate) struct Move {
    pub(crate) key: SecretText,
    pub(crate) environment: Option<SecretText>,
}

impl Changes {
    /// Reads the entry.
    ///
    /// # Errors
    /// [`Failure::InvalidParameters`], also for an entry that changes nothing.
    pub(crate) fn of(mut given: Parameters) -> Result<Self, Failure> {
        let changes = Self {
            key: given.optional_text("key")?,
            environment: given.nullable_text("environment")?,
            value: given.optional_text("value")?,
            description: given.optional_text("description")?,
        };
        given.end()?;
        match &changes {
            Self { key: None, environment: Nullable::Missing, value: None, description: None } => {
                Err(Failure::InvalidParameters)
            }
            _ => Ok(changes),
        }
    }

    /// Returns the new place of a secret, or `None` if the secret stays in its place.
    pub(crate) fn moves(&self, key: &SecretText, environment: Option<&SecretText>) -> Option<Move> {
        let new_key = self.key.as_ref().unwrap_or(key);
        let new_environment = match &self.environment {
            Nullable::Text(new) => Some(new),
            Nullable::Null => None,
            Nullable::Missing => environment,
        };
        (new_key != key || new_environment != environment)
            .then(|| Move { key: new_key.clone(), environment: new_environment.cloned() })
    }

    /// Returns the changes that leave the secret in its place.
    pub(crate) fn in_place(&self) -> Change {
        let change = match &self.value {
            Some(value) => Change::value(SecretValue::Text(value.clone())),
            None => Change::none(),
        };
        match self.description.as_ref().map(SecretText::expose) {
            None => change,
            Some("") => change.without_description(),
            Some(description) => change.described(description),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn moves(changes: serde_json::Value, environment: Option<&str>) -> Option<(String, Option<String>)> {
        let changes = Changes::of(Parameters::of(changes.into()).unwrap()).unwrap();
        let environment = environment.map(SecretText::from);
        let target = changes.moves(&"K".into(), environment.as_ref())?;
        Some((target.key.into_open(), target.environment.map(SecretText::into_open)))
    }

    #[test]
    fn only_another_place_is_a_move() {
        assert_eq!(moves(json!({"value": "v"}), Some("prod")), None);
        assert_eq!(moves(json!({"key": "K", "environment": "prod"}), Some("prod")), None);
        assert_eq!(moves(json!({"environment": null}), None), None);
        assert_eq!(moves(json!({"key": "L"}), Some("prod")), Some(("L".into(), Some("prod".into()))));
        assert_eq!(moves(json!({"environment": null}), Some("prod")), Some(("K".into(), None)));
        assert_eq!(moves(json!({"environment": "dev"}), None), Some(("K".into(), Some("dev".into()))));
    }

    #[test]
    fn an_empty_or_unknown_change_is_refused() {
        for wrong in [json!({}), json!({"value": null}), json!({"name": "x"}), json!({"key": 1})] {
            assert!(Changes::of(Parameters::of(wrong.into()).unwrap()).is_err());
        }
    }
}
