//! The operations in the life of a store, such as `["create", "name", "value"]`.

use std::sync::LazyLock;

use serde_json::Value;

/// One operation: its name and arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) operation: &'a str,
    pub(super) arguments: &'a [Value],
}

impl<'a> Call<'a> {
    pub(super) fn read(value: &'a Value) -> Self {
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        let (operation, arguments) = items
            .split_first()
            .map_or(("", &[][..]), |(name, rest)| (name.as_str().unwrap_or_default(), rest));
        Self { operation, arguments }
    }

    /// Returns the arguments in the order of the operation's parameters, with null for a missing one.
    ///
    /// Returns `None` if the operation does not take these arguments: in Rust, such a call does not compile.
    pub(super) fn bound(self, plugin: &str) -> Option<Vec<Value>> {
        let (names, required): (&[&str], usize) = match (self.operation, plugin) {
            ("create" | "modify", "passdb") => (&["secret_name", "secret_value", "length", "value_type"], 1),
            ("create" | "modify", _) => (&["secret_name", "secret_value"], 2),
            ("get" | "destroy", _) => (&["secret_name"], 1),
            ("configure", _) => (&["config_name", "config_value"], 0),
            _ => (&[], 0),
        };
        let mut bound: Vec<Option<Value>> = vec![None; names.len()];
        let (last, mut positional) =
            self.arguments.split_last().map_or((None, self.arguments), |(last, rest)| (Some(last), rest));
        let by_name =
            last.filter(|last| last.get("$kw") == Some(&Value::Bool(true))).and_then(Value::as_object);
        if by_name.is_none() {
            positional = self.arguments;
        }
        for (at, argument) in positional.iter().enumerate() {
            *bound.get_mut(at)? = Some(argument.clone());
        }
        for (name, argument) in by_name.into_iter().flatten().filter(|(name, _)| *name != "$kw") {
            let at = names.iter().position(|known| known == name)?;
            if bound[at].replace(argument.clone()).is_some() {
                return None;
            }
        }
        if bound[..required].iter().any(Option::is_none) {
            return None;
        }
        let null_for = |value: Value| if is_none(&value) { Value::Null } else { value };
        Some(bound.into_iter().map(|value| null_for(value.unwrap_or(Value::Null))).collect())
    }

    /// Returns the set of keys to open with: the second argument, or `old` if this argument is missing, null or an
    /// empty text.
    pub(super) fn key_set_to_open(self) -> &'a Value {
        static OLD: LazyLock<Value> = LazyLock::new(|| "old".into());
        self.arguments.get(1).filter(|set| !set.is_null() && set.as_str() != Some("")).unwrap_or(&OLD)
    }

    /// Returns the argument at a position, if it is a text.
    pub(super) fn text(self, at: usize) -> Option<&'a str> {
        self.arguments.get(at).and_then(Value::as_str)
    }
}

/// Tells whether the value is `{"$none": true}`.
fn is_none(value: &Value) -> bool {
    matches!(super::node::marked(value), Some(("$none", _)))
}

/// A key of the vectors: the number of its set, and its position in the set.
pub(super) type KeyName = (u8, u8);

/// A key of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetKey<'a> {
    /// One of the vectors' own keys.
    Named(KeyName),
    /// The text of a key that is not one of the vectors' own, or a text that is not a key.
    Text(&'a str),
}

/// Returns the keys of a set. A vector gives the names of sets, joined by `+`, or a list of such names and of the texts
/// of keys.
///
/// A store is written with the first key of `old`. The set `one` lacks that key. The set `mixed` has that key, but a
/// store that was opened with `mixed` writes with the first key of `new`.
pub(super) fn key_set(set: &Value) -> Vec<SetKey<'_>> {
    match set {
        Value::String(names) => names.split('+').flat_map(keys_of).collect(),
        Value::Array(items) => items.iter().flat_map(key_set).collect(),
        // A value that is neither a text nor a list is not a key.
        _ => vec![SetKey::Text("")],
    }
}

fn keys_of(name: &str) -> Vec<SetKey<'_>> {
    let old = || (0..5).map(|at| SetKey::Named((b'o', at)));
    match name {
        "old" => old().collect(),
        "new" => (0..5).map(|at| SetKey::Named((b'n', at))).collect(),
        "one" => vec![SetKey::Named((b'o', 1))],
        "mixed" => [SetKey::Named((b'n', 0))].into_iter().chain(old()).collect(),
        "none" => Vec::new(),
        text => vec![SetKey::Text(text)],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bound(call: &Value, plugin: &str) -> Option<Vec<Value>> {
        Call::read(call).bound(plugin)
    }

    #[test]
    fn a_text_that_names_no_key_set_is_a_key_in_text() {
        assert_eq!(key_set(&json!("one+bad")), [SetKey::Named((b'o', 1)), SetKey::Text("bad")]);
        assert_eq!(key_set(&json!(["one", "a key"])), [SetKey::Named((b'o', 1)), SetKey::Text("a key")]);
        assert_eq!(key_set(&json!("none")), []);
        assert_eq!(key_set(&json!(5)), [SetKey::Text("")]);
    }

    #[test]
    fn calls_are_bound_as_python_does() {
        assert_eq!(bound(&json!(["create", "a", 1]), "generic"), Some(vec![json!("a"), json!(1)]));
        assert_eq!(
            bound(&json!(["create", {"$kw": true, "secret_value": 1, "secret_name": "a"}]), "generic"),
            Some(vec![json!("a"), json!(1)])
        );
        assert_eq!(bound(&json!(["create", "a"]), "passdb").map(|all| all.len()), Some(4));
        assert_eq!(
            bound(&json!(["configure", {"$none": true}, 5]), "generic"),
            Some(vec![json!(null), json!(5)])
        );
        for call in [
            json!(["create", "a"]),
            json!(["create", "a", 1, 2]),
            json!(["create", "a", {"$kw": true, "secret_name": "b", "secret_value": 1}]),
            json!(["get", {"$kw": true, "name": "a"}]),
            json!(["list", 1]),
        ] {
            assert_eq!(bound(&call, "generic"), None, "{call}");
        }
    }
}
