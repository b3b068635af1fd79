//! Shares the JSON object in which a plugin keeps data between the plugin and the host.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{BoundedObject, Json, JsonObject, ObjectLimit, object_to_ascii};
use crate::{SecretText, Wiped};

/// A handle to a JSON object that takes at most `MAX_BYTES` in ASCII JSON. All clones are handles to the same values.
///
/// A panic of a plugin that holds a handle leaves the values usable. `Debug` shows names, but no values.
#[derive(Clone, Default)]
pub struct SharedObject<const MAX_BYTES: usize>(Arc<Mutex<BoundedObject<MAX_BYTES>>>);

impl<const MAX_BYTES: usize> SharedObject<MAX_BYTES> {
    /// The largest size in bytes, measured as JSON in ASCII.
    pub const MAX_BYTES: usize = MAX_BYTES;
    /// The deepest nesting of arrays and objects. The outermost object counts as one level.
    pub const MAX_DEPTH: usize = BoundedObject::<MAX_BYTES>::MAX_DEPTH;

    /// Creates a handle to values that a host stored. Does not check the limits again.
    pub fn new(values: JsonObject) -> Self {
        Self(Arc::new(Mutex::new(BoundedObject::new(values))))
    }

    /// Returns the value of an entry.
    pub fn get(&self, name: &str) -> Option<Json> {
        self.lock().values().get(name).cloned()
    }

    /// Returns the text of an entry. Returns `None` if the entry is missing or is not a text.
    pub fn text(&self, name: &str) -> Option<SecretText> {
        match self.get(name)? {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Sets an entry, replacing an earlier one.
    ///
    /// # Errors
    /// [`ObjectLimit`] when the values would be too large or too deeply nested. Nothing is changed then.
    pub fn set(&self, name: impl Into<String>, value: impl Into<Json>) -> Result<(), ObjectLimit> {
        self.lock().set(name, value)
    }

    /// Removes an entry, and returns its value if there was one.
    pub fn remove(&self, name: &str) -> Option<Json> {
        self.lock().remove(name)
    }

    /// Sets several entries at once. Each replaces an earlier entry as a whole; other entries stay.
    ///
    /// By this rule, the upstream system of credential stores merges the cookies that a call returns. A host uses the
    /// same rule to add the entries that other plugins of the session wrote (decision S11).
    ///
    /// # Errors
    /// [`ObjectLimit`] when the values would be too large or too deeply nested. Nothing is changed then.
    pub fn merge(&self, changes: JsonObject) -> Result<(), ObjectLimit> {
        let mut values = self.lock();
        let mut merged = values.clone();
        for (name, value) in changes {
            merged.set(name, value)?;
        }
        *values = merged;
        Ok(())
    }

    /// Tells whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.lock().values().is_empty()
    }

    /// Returns a copy of all current values.
    pub fn snapshot(&self) -> JsonObject {
        self.lock().values().clone()
    }

    /// Writes all current values as one JSON object in ASCII.
    pub fn to_ascii(&self) -> Wiped<String> {
        object_to_ascii(self.lock().values())
    }

    fn lock(&self) -> MutexGuard<'_, BoundedObject<MAX_BYTES>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<const MAX_BYTES: usize> fmt::Debug for SharedObject<MAX_BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use proptest::prelude::*;

    use super::*;

    type Shared = SharedObject<4096>;

    fn object(value: serde_json::Value) -> JsonObject {
        match Json::from(value) {
            Json::Object(entries) => entries,
            _ => panic!("no object"),
        }
    }

    #[test]
    fn a_merge_replaces_whole_entries_and_keeps_the_others() {
        let shared = Shared::new(object(serde_json::json!({"nested": {"a": 1}, "old": 1})));
        shared.merge(object(serde_json::json!({"nested": {"b": 2}, "new": null}))).unwrap();
        let expected = object(serde_json::json!({"nested": {"b": 2}, "old": 1, "new": null}));
        assert_eq!(shared.snapshot(), expected);
    }

    #[test]
    fn a_merge_that_does_not_fit_changes_nothing() {
        let shared = Shared::new(object(serde_json::json!({"a": 1})));
        let before = shared.snapshot();
        let large = "x".repeat(Shared::MAX_BYTES);
        let error = shared.merge(object(serde_json::json!({"a": 2, "b": large}))).unwrap_err();
        assert!(matches!(error, ObjectLimit::TooLarge { .. }), "{error}");
        assert_eq!(shared.snapshot(), before);
        let deep = (0..Shared::MAX_DEPTH).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
        let deep = JsonObject::from([("a".to_owned(), Json::Null), ("b".to_owned(), deep)]);
        assert_eq!(shared.merge(deep), Err(ObjectLimit::TooDeep { limit: Shared::MAX_DEPTH }));
        assert_eq!(shared.snapshot(), before);
    }

    #[test]
    fn a_set_value_survives_a_panic() {
        let shared = Shared::default();
        let plugins = shared.clone();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            plugins.set("ticket", "7").unwrap();
            let _lock = plugins.lock();
            panic!("a bug of the plugin");
        }));
        assert!(panicked.is_err());
        assert_eq!(shared.text("ticket").unwrap().expose(), "7");
        shared.set("more", true).unwrap();
    }

    #[test]
    fn debug_shows_names_only() {
        let shared = Shared::new(object(serde_json::json!({"token": "n33dle"})));
        assert_eq!(format!("{shared:?}"), r#"{"token"}"#);
    }

    proptest! {
        #[test]
        fn a_merge_is_the_entries_one_by_one(
            before in prop::collection::btree_map("[a-d]", 0..9_i64, 0..4),
            changes in prop::collection::btree_map("[a-d]", 0..9_i64, 0..4),
        ) {
            let json = |map: &std::collections::BTreeMap<String, i64>| object(serde_json::json!(map));
            let (merged, set) = (Shared::new(json(&before)), Shared::new(json(&before)));
            merged.merge(json(&changes)).unwrap();
            for (name, value) in json(&changes) {
                set.set(name, value).unwrap();
            }
            prop_assert_eq!(merged.snapshot(), set.snapshot());
            for name in before.keys().chain(changes.keys()) {
                let expected = changes.get(name).or(before.get(name)).unwrap();
                prop_assert_eq!(merged.get(name), Some(Json::from(serde_json::json!(expected))));
            }
        }

        #[test]
        fn the_size_is_that_of_the_written_object(
            entries in prop::collection::vec(("[a-d]|\u{e9}\"", any::<String>()), 1..9),
            removed in "[a-d]",
        ) {
            let shared = Shared::default();
            for (name, value) in entries {
                shared.set(name, value).unwrap();
            }
            shared.remove(&removed);
            if !shared.is_empty() {
                prop_assert_eq!(shared.to_ascii().len(), shared.lock().bytes());
            }
        }
    }
}
