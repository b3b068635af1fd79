//! The builder of a description. It checks the whole description at the end.

use super::{
    ConfigurationDescriptor, ConfigurationValue, Description, Features, ParameterDescriptor, ParameterSet,
    is_name,
};
use crate::violation::Found;
use crate::{Rule, Violation, Violations};

/// Builds a [`Description`].
#[derive(Clone, Debug)]
#[must_use = "`build` makes the description"]
pub struct DescriptionBuilder {
    description: Description,
}

impl DescriptionBuilder {
    pub(super) const fn new(version: String) -> Self {
        Self {
            description: Description {
                version,
                developer_email: None,
                configuration: Vec::new(),
                parameter_sets: Vec::new(),
                features: Features::NONE,
            },
        }
    }

    /// Adds a configuration parameter of type string. Choose a safe default.
    pub fn text(self, name: impl Into<String>, default: impl Into<String>) -> Self {
        self.configuration(ConfigurationDescriptor::new(name, ConfigurationValue::text(default.into())))
    }

    /// Adds a configuration parameter of type boolean. Choose a safe default.
    pub fn boolean(self, name: impl Into<String>, default: bool) -> Self {
        self.configuration(ConfigurationDescriptor::new(name, ConfigurationValue::Boolean(default)))
    }

    /// Adds a configuration parameter.
    pub fn configuration(mut self, descriptor: ConfigurationDescriptor) -> Self {
        self.description.configuration.push(descriptor);
        self
    }

    /// Adds a set of parameters. The empty set allows requests without parameters.
    pub fn set(mut self, parameters: impl IntoIterator<Item = ParameterDescriptor>) -> Self {
        self.description.parameter_sets.push(parameters.into_iter().collect());
        self
    }

    /// Sets the developer's address.
    pub fn developer_email(mut self, address: impl Into<String>) -> Self {
        self.description.developer_email = Some(address.into());
        self
    }

    /// Sets the optional wire features of the plugin.
    pub const fn features(mut self, features: Features) -> Self {
        self.description.features = features;
        self
    }

    /// Checks and builds the description.
    ///
    /// # Errors
    /// Reports every name that is not `[a-z0-9_]+`, and every name that occurs twice in the configuration or within one
    /// set (decision W4).
    pub fn build(mut self) -> Result<Description, Violations> {
        let description = &mut self.description;
        let mut found = Found::default();
        let names = description.configuration.iter().map(|each| Some(each.name()));
        check_names(names, |index| format!("conf_params[{index}].name"), &mut found);
        for (set, parameters) in description.parameter_sets.iter().enumerate() {
            let keys = parameters.parameters().iter().map(|parameter| Some(parameter.key.as_str()));
            check_names(keys, |index| format!("request_params[{set}][{index}].key"), &mut found);
        }
        if description.parameter_sets.is_empty() {
            description.parameter_sets.push(ParameterSet::default());
        }
        found.none_or(self.description)
    }
}

/// Checks that every name is valid and occurs once.
pub(crate) fn check_names<'a>(
    names: impl Iterator<Item = Option<&'a str>>,
    key: impl Fn(usize) -> String,
    found: &mut Found,
) {
    let mut seen = std::collections::BTreeSet::new();
    for (index, name) in names.enumerate() {
        let Some(name) = name else { continue };
        if !is_name(name) {
            found.add(|| Violation::new(key(index), Rule::Name));
        } else if !seen.insert(name) {
            found.add(|| Violation::new(key(index), Rule::DuplicateName));
        }
    }
}
