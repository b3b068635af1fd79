//! The cookies of a session (decision S5).

use serde_json::{Map, Value};

use super::Model;

/// The entries in which upstream keeps its own state.
const UPSTREAM: [&str; 5] =
    ["account", "asset", "remote_app_account", "remote_app_asset", "__plugin_sdk_private"];

/// Returns the plugin's own entries of a cookie.
pub(super) fn own_entries(cookie: &Map<String, Value>) -> Value {
    let own = cookie.iter().filter(|(name, _)| !UPSTREAM.contains(&name.as_str()));
    own.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into()
}

impl Model<'_> {
    /// Replaces the stored cookies by those that the host gives.
    pub(super) fn take_cookies(&mut self, step: &Value) {
        if let Some(cookie) = step["cookie"].as_object() {
            if UPSTREAM.iter().any(|name| cookie.contains_key(*name)) || self.upstream.shown.is_some() {
                self.decisions.insert("S5");
            }
            self.cookie.clone_from(cookie);
        }
        if let Some(cookie) = step["session_cookie"].as_object() {
            self.session_cookie.clone_from(cookie);
        }
    }

    /// Merges the cookies that a fetch returns. Returns `None` if a cookie is not an object.
    pub(super) fn merge(&mut self, returned: &Value) -> Option<()> {
        for name in ["cookie", "session_cookie"] {
            let Some(changes) = returned.get(name) else { continue };
            let is_refused = !changes.is_object();
            if is_refused || UPSTREAM.iter().any(|name| changes.get(*name).is_some()) {
                self.decisions.insert("S5");
            }
            let into = if name == "cookie" { &mut self.cookie } else { &mut self.session_cookie };
            into.extend(changes.as_object()?.clone());
        }
        Some(())
    }

    /// Applies an effect of a hook to the model.
    pub(super) fn apply(&mut self, effect: &Value) {
        let (key, value) = (effect["key"].as_str().unwrap_or_default().to_owned(), effect["value"].clone());
        match effect["op"].as_str() {
            Some("set_cookie") => drop(self.cookie.insert(key, value)),
            Some("count_cookie") => {
                let count = self.cookie.get(&key).and_then(Value::as_i64).unwrap_or(0);
                self.cookie.insert(key, (count + 1).into());
            }
            Some("set_session_cookie") => drop(self.session_cookie.insert(key, value)),
            Some("replace_cookie") => {
                self.cookie = value.as_object().cloned().unwrap_or_else(Map::new);
                self.decisions.insert("S5");
            }
            _ => drop(self.decisions.insert("S5")),
        }
    }
}
