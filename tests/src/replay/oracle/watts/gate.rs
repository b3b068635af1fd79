//! The check of parameters against a service's sets.
//!
//! See decisions W4 and W5.

use serde_json::{Map, Value};

/// The sets of a service. Each parameter of a set is a key, with true if the parameter is mandatory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sets(Vec<Vec<(String, bool)>>);

/// The result of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The keys fit a set, and all values are texts.
    Fits,
    /// The keys fit a set, but a value is not a text. The real host checks only keys.
    WrongType,
    /// The keys fit no set.
    No,
}

impl Sets {
    /// Returns a single empty set.
    pub fn empty() -> Self {
        Self(vec![Vec::new()])
    }

    /// Reads the sets of a vector: `[[{"key": "a", "mandatory": true}]]`.
    ///
    /// Returns `None` if a description cannot have these sets: a key is invalid, or occurs twice in a set (decision
    /// W4).
    pub fn of(value: &Value) -> Option<Self> {
        let parameter = |each: &Value| {
            let key = each["key"].as_str().filter(|key| is_name(key))?;
            Some((key.to_owned(), each["mandatory"].as_bool().unwrap_or(false)))
        };
        let set = |set: &Value| {
            let set: Vec<_> = set.as_array()?.iter().map(parameter).collect::<Option<_>>()?;
            let mut keys: Vec<_> = set.iter().map(|(key, _)| key).collect();
            keys.sort_unstable();
            keys.windows(2).all(|pair| pair[0] != pair[1]).then_some(set)
        };
        value.as_array()?.iter().map(set).collect::<Option<_>>().map(Self)
    }

    /// Tells whether there is no set at all.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether these parameters fit.
    pub fn fit(&self, parameters: &Map<String, Value>) -> Fit {
        let has_keys = |set: &&Vec<(String, bool)>| {
            parameters.keys().all(|given| set.iter().any(|(key, _)| key == given))
                && set.iter().all(|(key, mandatory)| !mandatory || parameters.contains_key(key))
        };
        match self.0.iter().find(has_keys) {
            None => Fit::No,
            Some(_) if parameters.values().all(Value::is_string) => Fit::Fits,
            Some(_) => Fit::WrongType,
        }
    }
}

/// Tells whether a text is `[a-z0-9_]+`.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_decide_and_values_are_texts() {
        let sets =
            json!([[{"key": "a", "mandatory": true}, {"key": "b"}], [{"key": "c", "mandatory": false}]]);
        let sets = Sets::of(&sets).unwrap();
        let fit = |parameters: Value| sets.fit(parameters.as_object().unwrap());
        assert_eq!(fit(json!({"a": ""})), Fit::Fits);
        assert_eq!(fit(json!({"a": "1", "b": "2"})), Fit::Fits);
        assert_eq!(fit(json!({})), Fit::Fits);
        assert_eq!(fit(json!({"b": "2"})), Fit::No);
        assert_eq!(fit(json!({"a": "1", "c": "2"})), Fit::No);
        assert_eq!(fit(json!({"a": null})), Fit::WrongType);
        assert_eq!(Sets::empty().fit(&Map::new()), Fit::Fits);
        for bad in [json!([[{"key": "A"}]]), json!([[{"key": "a"}, {"key": "a"}]]), json!([[1]]), json!({})] {
            assert_eq!(Sets::of(&bad), None, "{bad}");
        }
    }
}
