//! The data that a plugin keeps with a session.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyway_core::Wiped;
use keyway_core::json::{BoundedObject, ObjectLimit, object_to_ascii};

use crate::{Json, JsonObject, SecretText};

/// The data that a plugin keeps with a session: a handle to a JSON object (seed, `cookie` and
/// `session_cookie`).
///
/// A session has one cookie for each store, which only that store sees, and one *session cookie*, which all stores and
/// plugins of the session share. Both are empty at the first call. Later calls get the values that the previous call
/// left. All clones are handles to the same values. The host keeps a clone, and stores the values after every call,
/// even if the call failed, panicked, passed its deadline or was dropped (decision S5).
///
/// The account, the asset and the lease are not in the cookie: they are typed fields of each call, which a plugin
/// cannot damage. Values may be secret, so they are wiped, and `Debug` shows only names. A name must hold no secret.
///
/// ```
/// use keyway_credentials::{Cookie, JsonObject};
///
/// let cookie = Cookie::new(JsonObject::new());
/// let plugins = cookie.clone();
/// plugins.set("access_token", "t-7")?;
/// assert_eq!(cookie.text("access_token").unwrap().expose(), "t-7");
/// assert_eq!(format!("{cookie:?}"), r#"{"access_token"}"#);
/// # Ok::<(), keyway_credentials::ObjectLimit>(())
/// ```
#[derive(Clone, Default)]
pub struct Cookie(Arc<Mutex<Values>>);

type Values = BoundedObject<{ Cookie::MAX_BYTES }>;

impl Cookie {
    /// The largest size in bytes, measured as JSON in ASCII.
    pub const MAX_BYTES: usize = 64 << 10;
    /// The deepest nesting of arrays and objects. The outermost object counts as one level.
    pub const MAX_DEPTH: usize = Values::MAX_DEPTH;

    /// Creates a handle to the stored values of a session.
    pub fn new(values: JsonObject) -> Self {
        Self(Arc::new(Mutex::new(Values::new(values))))
    }

    /// Returns the value of an entry.
    pub fn get(&self, name: &str) -> Option<Json> {
        self.values().values().get(name).cloned()
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
        self.values().set(name, value)
    }

    /// Removes an entry, and returns its value if there was one.
    pub fn remove(&self, name: &str) -> Option<Json> {
        self.values().remove(name)
    }

    /// Sets several entries at once. Each replaces an earlier entry as a whole; other entries stay.
    ///
    /// By this rule, the upstream system merges the cookies that a call returns. A host uses the same rule to add the
    /// entries that other plugins of the session wrote (decision S11).
    ///
    /// # Errors
    /// [`ObjectLimit`] when the values would be too large or too deeply nested. Nothing is changed then.
    pub fn merge(&self, changes: JsonObject) -> Result<(), ObjectLimit> {
        let mut values = self.values();
        let mut merged = values.clone();
        for (name, value) in changes {
            merged.set(name, value)?;
        }
        *values = merged;
        Ok(())
    }

    /// Tells whether the cookie has no entries.
    pub fn is_empty(&self) -> bool {
        self.values().values().is_empty()
    }

    /// Returns a copy of all current values.
    pub fn snapshot(&self) -> JsonObject {
        self.values().values().clone()
    }

    /// Writes all current values as one JSON object in ASCII.
    pub fn to_ascii(&self) -> Wiped<String> {
        object_to_ascii(self.values().values())
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use proptest::prelude::*;

    use super::*;

    fn object(value: serde_json::Value) -> JsonObject {
        match Json::from(value) {
            Json::Object(entries) => entries,
            _ => panic!("no object"),
        }
    }

    #[test]
    fn a_merge_replaces_whole_entries_and_keeps_the_others() {
        let cookie = Cookie::new(object(serde_json::json!({"nested": {"a": 1}, "old": 1})));
        cookie.merge(object(serde_json::json!({"nested": {"b": 2}, "new": null}))).unwrap();
        let expected = object(serde_json::json!({"nested": {"b": 2}, "old": 1, "new": null}));
        assert_eq!(cookie.snapshot(), expected);
    }

    #[test]
    fn a_merge_that_does_not_fit_changes_nothing() {
        let cookie = Cookie::new(object(serde_json::json!({"a": 1})));
        let before = cookie.snapshot();
        let large = "x".repeat(Cookie::MAX_BYTES);
        let error = cookie.merge(object(serde_json::json!({"a": 2, "b": large}))).unwrap_err();
        assert!(matches!(error, ObjectLimit::TooLarge { .. }), "{error}");
        assert_eq!(cookie.snapshot(), before);
        let deep = (0..Cookie::MAX_DEPTH).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
        let deep = JsonObject::from([("a".to_owned(), Json::Null), ("b".to_owned(), deep)]);
        assert_eq!(cookie.merge(deep), Err(ObjectLimit::TooDeep { limit: Cookie::MAX_DEPTH }));
        assert_eq!(cookie.snapshot(), before);
    }

    #[test]
    fn a_set_value_survives_a_panic() {
        let cookie = Cookie::default();
        let plugins = cookie.clone();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            plugins.set("ticket", "7").unwrap();
            let _lock = plugins.values();
            panic!("a bug of the plugin");
        }));
        assert!(panicked.is_err());
        assert_eq!(cookie.text("ticket").unwrap().expose(), "7");
        cookie.set("more", true).unwrap();
    }

    #[test]
    fn debug_shows_names_only() {
        let cookie = Cookie::new(object(serde_json::json!({"token": "n33dle"})));
        assert_eq!(format!("{cookie:?}"), r#"{"token"}"#);
    }

    proptest! {
        #[test]
        fn a_merge_is_the_entries_one_by_one(
            before in prop::collection::btree_map("[a-d]", 0..9_i64, 0..4),
            changes in prop::collection::btree_map("[a-d]", 0..9_i64, 0..4),
        ) {
            let json = |map: &std::collections::BTreeMap<String, i64>| object(serde_json::json!(map));
            let (merged, set) = (Cookie::new(json(&before)), Cookie::new(json(&before)));
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
    }
}
