//! The parameters that a request may have.

use crate::{Json, Parameters, Rule, Violation};

/// A set of parameters that belong together (WaTTS seed, "Request Parameter Sets").
///
/// A request carries the parameters of one set. The empty set allows requests without parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterSet {
    parameters: Vec<ParameterDescriptor>,
}

impl ParameterSet {
    /// Returns the parameters, in the plugin's order.
    pub fn parameters(&self) -> &[ParameterDescriptor] {
        &self.parameters
    }

    /// Tells whether the set has no parameters.
    pub const fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Tells whether a request may omit all parameters of the set.
    pub fn needs_nothing(&self) -> bool {
        !self.parameters.iter().any(|parameter| parameter.mandatory)
    }

    /// Tells whether all given keys are in the set, and no mandatory key is missing.
    fn has_keys_of(&self, given: &Parameters) -> bool {
        let known = |key: &String| self.parameters.iter().any(|parameter| parameter.key == *key);
        given.values().keys().all(known)
            && self.parameters.iter().all(|each| !each.mandatory || given.values().contains_key(&each.key))
    }

    /// Finds the first parameter whose value does not have the described type.
    fn wrong_type(&self, given: &Parameters) -> Option<Violation> {
        self.parameters.iter().find_map(|parameter| {
            let value = given.values().get(&parameter.key)?;
            (!parameter.kind.accepts(value)).then(|| {
                let rule = Rule::Type { expected: parameter.kind.expects(), found: value.kind() };
                Violation::new(format!("params.{}", parameter.key), rule)
            })
        })
    }
}

impl FromIterator<ParameterDescriptor> for ParameterSet {
    fn from_iter<I: IntoIterator<Item = ParameterDescriptor>>(parameters: I) -> Self {
        Self { parameters: parameters.into_iter().collect() }
    }
}

/// A parameter of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterDescriptor {
    /// The key of the value in the request: `[a-z0-9_]+`.
    pub key: String,
    /// A short name for the user.
    pub name: String,
    /// A longer text for the user.
    pub description: String,
    /// The kind of value that the user enters.
    pub kind: ParameterType,
    /// Whether the request must give the parameter.
    pub mandatory: bool,
}

impl ParameterDescriptor {
    /// Creates a mandatory parameter of several lines of text.
    pub fn mandatory(
        key: impl Into<String>,
        name: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            name: name.into(),
            description: description.into(),
            kind: ParameterType::Textarea,
            mandatory: true,
        }
    }

    /// Creates an optional parameter of several lines of text.
    pub fn optional(key: impl Into<String>, name: impl Into<String>, description: impl Into<String>) -> Self {
        Self { mandatory: false, ..Self::mandatory(key, name, description) }
    }
}

/// The kind of value that a user enters for a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParameterType {
    /// Several lines of text.
    Textarea,
}

impl ParameterType {
    /// Returns the word on the wire: `textarea`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Textarea => "textarea",
        }
    }

    const fn expects(self) -> &'static str {
        match self {
            Self::Textarea => "a text",
        }
    }

    const fn accepts(self, value: &Json) -> bool {
        match self {
            Self::Textarea => matches!(value, Json::Text(_)),
        }
    }
}

/// Returns the index of the first set into which the parameters fit.
///
/// Parameters fit into a set if every given key is in the set, every mandatory key is given, and every value has the
/// described type. Only a request without parameters fits into the empty set, and if there are no sets, no request fits
/// (decision W5).
///
/// # Errors
/// [`Rule::FitsNoSet`], or [`Rule::Type`] when the keys fit a set, but a value does not have the described type.
pub fn fitting_set(sets: &[ParameterSet], parameters: &Parameters) -> Result<usize, Violation> {
    let mut violation = None;
    for (index, set) in sets.iter().enumerate().filter(|(_, set)| set.has_keys_of(parameters)) {
        match set.wrong_type(parameters) {
            None => return Ok(index),
            wrong => violation = violation.or(wrong),
        }
    }
    Err(violation.unwrap_or_else(|| Violation::new("params", Rule::FitsNoSet)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: &[(&str, bool)]) -> ParameterSet {
        let parameter = |&(key, mandatory): &(&str, bool)| ParameterDescriptor {
            mandatory,
            ..ParameterDescriptor::optional(key, "name", "description")
        };
        keys.iter().map(parameter).collect()
    }

    #[test]
    fn parameters_fit_the_first_set_that_has_their_keys() {
        let (a, b) = (("a", true), ("b", false));
        for (sets, given, expected) in [
            (vec![set(&[])], &[][..], Some(0)),
            (vec![], &[], None),
            (vec![set(&[])], &["a"], None),
            (vec![set(&[a])], &["a"], Some(0)),
            (vec![set(&[a])], &[], None),
            (vec![set(&[b])], &[], Some(0)),
            (vec![set(&[a, b])], &["a"], Some(0)),
            (vec![set(&[a, b])], &["b"], None),
            (vec![set(&[a, b])], &["a", "b"], Some(0)),
            (vec![set(&[a]), set(&[b])], &["b"], Some(1)),
            (vec![set(&[a]), set(&[b])], &["a", "b"], None),
            (vec![set(&[a]), set(&[b])], &[], Some(1)),
            (vec![set(&[a]), set(&[a, b])], &["a"], Some(0)),
            (vec![set(&[a])], &["A"], None),
        ] {
            let parameters = given.iter().fold(Parameters::new(), |all, key| all.with(*key, ""));
            let found = fitting_set(&sets, &parameters);
            assert_eq!(found.clone().ok(), expected, "{given:?} in {sets:?}");
            if let Err(violation) = found {
                assert_eq!(violation.rule, Rule::FitsNoSet);
            }
        }
    }

    #[test]
    fn values_that_are_no_texts_do_not_fit() {
        let sets = [set(&[("a", true)]), set(&[("a", true), ("b", false)])];
        for value in [Json::Null, Json::from(true), Json::Object(crate::JsonObject::new())] {
            let kind = value.kind();
            let violation = fitting_set(&sets, &Parameters::new().with("a", value)).unwrap_err();
            assert_eq!(violation, Violation::new("params.a", Rule::Type { expected: "a text", found: kind }));
        }
    }
}
