//! A model of a vector's plugin: the hooks, and the meaning of the values that they return.

use serde_json::{Map, Value, json};

use super::{Call, Model, Pair};

/// The outcome of a hook's call: a value or an exception.
pub(super) enum Ended {
    Returned(Value),
    Raised(String),
}

/// Calls a hook, or returns `None` if the plugin does not have it.
pub(super) fn run(model: &mut Model<'_>, hook: &str, pair: &Pair, names: [&str; 2]) -> Option<Ended> {
    let rules = model.plugin["hooks"].get(hook)?.as_array()?;
    let (account, asset) = pair.clone();
    model.hooks.push(Call { hook: hook.to_owned(), account, asset, trace: model.trace(hook) });
    let mut seen = model.cookie.clone();
    seen.insert(names[0].to_owned(), pair.0.clone().into());
    seen.insert(names[1].to_owned(), pair.1.clone().into());
    let fits = |rule: &&Value| {
        let mut when = rule["when"].as_object().into_iter().flatten();
        when.all(|(name, value)| seen.get(name).unwrap_or(&Value::Null) == value)
    };
    let Some(rule) = rules.iter().find(fits) else { return Some(Ended::Returned(Value::Null)) };
    for effect in rule["do"].as_array().into_iter().flatten() {
        model.apply(effect);
    }
    Some(match rule["raise"].as_str() {
        Some(class) => Ended::Raised(class.to_owned()),
        None => Ended::Returned(rule["return"].clone()),
    })
}

impl Model<'_> {
    /// Returns the facts that the vector records about a call of a hook. A plugin sees the user's login at the gateway
    /// only in a fetch.
    fn trace(&self, hook: &str) -> Value {
        let mut trace = Map::new();
        let is_fetch = !["auth_completed", "check_in", "session_ended"].contains(&hook);
        if self.plugin["trace_connection"] == true {
            let facts = self.seen["connection"].as_object().into_iter().flatten();
            let known = facts.filter(|(_, fact)| !fact.is_null() && **fact != json!([]));
            let known: Map<_, _> = known.map(|(name, fact)| (name.clone(), fact.clone())).collect();
            trace.insert("connection".to_owned(), if is_fetch { known.into() } else { Value::Null });
        }
        if self.plugin["trace_auth"] == true {
            let login = &self.seen["login"];
            let is_known = !login["username"].is_null() && !login["password"].is_null();
            let login = if is_known && (is_fetch || self.seen["is_explicit"] == true) {
                login.clone()
            } else {
                json!({ "username": null, "password": null })
            };
            trace.insert("login".to_owned(), login);
        }
        trace.into()
    }
}

/// The meaning of a hook's value for the typed interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Nothing,
    Found,
    /// A value that upstream passes on, but that the types cannot express.
    NoSuchType,
}

/// The key for one-time codes, which a hook returns as a bare list.
pub(super) const TOTP_CODES: &str = "totp_codes";

/// Returns the credentials under a key in the form of the answers. A private key is represented by its type.
pub(super) fn shown(returned: &Value, key: &str) -> Value {
    let items = if key == TOTP_CODES { returned } else { &returned[key] };
    let item = |item: &Value| match key {
        "private_keys" => item[0].clone(),
        TOTP_CODES => {
            let or = |name: &str, usual: Value| item.get(name).cloned().unwrap_or(usual);
            json!({
                "code": or("code", "".into()), "period": or("period", 30.into()),
                "unix_time": or("unix_time", 0.into()),
            })
        }
        _ => item.clone(),
    };
    items.as_array().into_iter().flatten().map(item).collect()
}

/// Reads the credentials under a key.
pub(super) fn read(returned: &Value, key: &str) -> Reading {
    let is_false = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(true) => false,
    };
    let is_key = |item: &Value| {
        let types = ["ssh-rsa", "ssh-dss", "ssh-ed25519"];
        let has_type = item[0].as_str().is_some_and(|name| types.contains(&name));
        has_type && item[1].is_string() && item.as_array().is_some_and(|pair| pair.len() == 2)
    };
    let is_code = |item: &Value| {
        let is_field = |(name, value): (&String, &Value)| match name.as_str() {
            "code" => value.is_string(),
            "period" | "unix_time" => value.is_u64(),
            _ => false,
        };
        item.as_object().is_some_and(|fields| fields.iter().all(is_field))
    };
    let is_credential = |item: &Value| match key {
        "private_keys" => is_key(item),
        TOTP_CODES => is_code(item),
        _ => item.is_string(),
    };
    let value = if key == TOTP_CODES { Some(returned) } else { returned.get(key) };
    match value.filter(|value| !is_false(value)) {
        None => Reading::Nothing,
        Some(Value::Array(items)) if items.iter().all(is_credential) => Reading::Found,
        Some(_) => Reading::NoSuchType,
    }
}
