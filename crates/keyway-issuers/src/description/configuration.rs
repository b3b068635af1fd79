//! The configuration of a plugin by an operator.

use std::collections::BTreeMap;
use std::fmt;

use super::is_name;
use crate::violation::Found;
use crate::{Json, Rule, SecretText, Violation, Violations};

/// A configuration parameter that an operator can set (WaTTS seed, "Config Parameter").
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigurationDescriptor {
    name: String,
    default: ConfigurationValue,
}

impl ConfigurationDescriptor {
    /// Creates a parameter with its default value, which also determines the type.
    pub fn new(name: impl Into<String>, default: ConfigurationValue) -> Self {
        Self { name: name.into(), default }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the type.
    pub const fn kind(&self) -> ConfigurationType {
        self.default.kind()
    }

    /// Returns the value that is used when nothing is configured.
    pub const fn default_value(&self) -> &ConfigurationValue {
        &self.default
    }
}

/// The types of configuration parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigurationType {
    /// A text.
    String,
    /// True or false.
    Boolean,
}

impl ConfigurationType {
    /// Returns the word on the wire: `string` or `boolean`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
        }
    }

    /// Converts a JSON value to this type, according to the table at
    /// [`Description::resolve_configuration`](super::Description::resolve_configuration).
    pub fn convert(self, json: &Json) -> Option<ConfigurationValue> {
        match self {
            Self::String => json.as_text().map(ConfigurationValue::text),
            Self::Boolean => truth(json).map(ConfigurationValue::Boolean),
        }
    }
}

/// Converts a JSON value to a boolean, in the same way as the real WaTTS host.
pub(crate) fn truth(json: &Json) -> Option<bool> {
    match json {
        Json::Boolean(truth) => Some(*truth),
        Json::Text(text) => match text.expose() {
            "true" | "True" => Some(true),
            "false" | "False" => Some(false),
            _ => None,
        },
        Json::Integer(integer) => match integer.decimal() {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A configured value. It may be a password of a service, so `Debug` shows no text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigurationValue {
    /// A text.
    Text(SecretText),
    /// True or false.
    Boolean(bool),
}

impl ConfigurationValue {
    /// Creates a text value.
    pub fn text(text: impl Into<SecretText>) -> Self {
        Self::Text(text.into())
    }

    /// Returns the type of the value.
    pub const fn kind(&self) -> ConfigurationType {
        match self {
            Self::Text(_) => ConfigurationType::String,
            Self::Boolean(_) => ConfigurationType::Boolean,
        }
    }
}

/// The resolved configuration of a plugin, with a value for every parameter that the plugin
/// describes (WaTTS seed, key `conf_params`).
///
/// A host makes a resolved configuration with
/// [`Description::resolve_configuration`](super::Description::resolve_configuration).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    values: BTreeMap<String, ConfigurationValue>,
}

impl Configuration {
    /// Creates an empty configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value, replacing an earlier one of the same name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: ConfigurationValue) -> Self {
        self.values.insert(name.into(), value);
        self
    }

    /// Returns the text `name`, or `None` when it is missing or not a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name)? {
            ConfigurationValue::Text(text) => Some(text.expose()),
            ConfigurationValue::Boolean(_) => None,
        }
    }

    /// Returns the boolean `name`, or `None` when it is missing or not a boolean.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.values.get(name)? {
            ConfigurationValue::Boolean(truth) => Some(*truth),
            ConfigurationValue::Text(_) => None,
        }
    }

    /// Returns the values, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ConfigurationValue)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Resolves an operator's configuration against the described parameters.
pub(super) fn resolve<'a>(
    described: &[ConfigurationDescriptor],
    configured: impl IntoIterator<Item = (&'a str, &'a Json)>,
) -> Result<Configuration, Violations> {
    let mut values: BTreeMap<_, _> =
        described.iter().map(|each| (each.name.clone(), each.default.clone())).collect();
    let mut found = Found::default();
    for (name, json) in configured {
        match values.get_mut(name) {
            None => {
                // A name from outside may be a secret in the wrong place, so the message shows only a short, valid
                // name.
                let key = if is_name(name) && name.len() <= 64 { name } else { "a configured name" };
                found.add(|| Violation::new(key, Rule::Unknown));
            }
            Some(value) => match value.kind().convert(json) {
                Some(converted) => *value = converted,
                None => found.add(|| Violation::new(name, Rule::Value { expected: value.kind().word() })),
            },
        }
    }
    found.none_or(Configuration { values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Description;

    #[test]
    fn configured_values_are_converted_by_the_table() {
        let description = Description::builder("1").text("s", "default").boolean("b", false).build().unwrap();
        let resolve = |name: &str, value: serde_json::Value| {
            let value = Json::from(value);
            description.resolve_configuration([(name, &value)])
        };
        for truth in [serde_json::json!(true), "true".into(), "True".into(), 1.into()] {
            let configuration = resolve("b", truth).unwrap();
            assert_eq!((configuration.boolean("b"), configuration.text("s")), (Some(true), Some("default")));
            assert_eq!(configuration.text("b"), None);
        }
        for falsehood in [serde_json::json!(false), "false".into(), "False".into(), 0.into()] {
            assert_eq!(resolve("b", falsehood).unwrap().boolean("b"), Some(false));
        }
        for text in ["", "true", "W_"] {
            assert_eq!(resolve("s", text.into()).unwrap().text("s"), Some(text));
        }
        for (name, value) in [
            ("b", serde_json::json!("TRUE")),
            ("b", serde_json::json!("yes")),
            ("b", serde_json::json!(2)),
            ("b", serde_json::json!(1.0)),
            ("b", serde_json::json!(null)),
            ("s", serde_json::json!(5)),
            ("s", serde_json::json!(true)),
            ("s", serde_json::json!(null)),
        ] {
            let expected = if name == "b" { "boolean" } else { "string" };
            let violations = resolve(name, value).unwrap_err();
            assert_eq!(violations.as_slice(), [Violation::new(name, Rule::Value { expected })]);
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_and_no_value_shown() {
        let description = Description::builder("1").boolean("b", false).build().unwrap();
        let needle = Json::text("needle");
        let configured = [("other", &needle), ("b", &needle), ("needle needle", &needle)];
        let violations = description.resolve_configuration(configured).unwrap_err();
        assert_eq!(violations.iter().count(), 3);
        assert!(violations.to_string().contains("other: the plugin knows no such parameter"), "{violations}");
        assert!(!format!("{violations} {violations:?}").contains("needle"), "{violations}");
        let configuration = Configuration::new().with("b", ConfigurationValue::text("needle"));
        assert!(!format!("{configuration:?} {description:?}").contains("needle"));
    }
}
