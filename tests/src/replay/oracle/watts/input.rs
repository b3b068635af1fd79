//! Decides which inputs a plugin accepts.
//!
//! See decisions W1 to W4, and H29.

use serde_json::{Map, Value};

use super::gate::is_name;

/// Whether an input is accepted, and the decision that makes the answer differ from that of the plugins' own library.
pub type Judged = (bool, Option<&'static str>);

/// Tells whether a plugin of this project accepts the JSON.
pub fn accepts(input: &Value) -> Judged {
    let Value::Object(keys) = input else { return (false, None) };
    if !is_text(keys, "watts_version") {
        return (false, None);
    }
    match keys.get("action").and_then(Value::as_str) {
        Some("parameter") => (true, None),
        Some(action @ ("request" | "revoke")) => call(keys, action == "revoke"),
        _ => (false, None),
    }
}

fn call(keys: &Map<String, Value>, is_revocation: bool) -> Judged {
    let object = |key: &str| keys.get(key).and_then(Value::as_object);
    let logins = keys.get("additional_logins").and_then(Value::as_array);
    let (Some(user), Some(configuration), Some(logins)) =
        (object("user_info"), object("conf_params"), logins)
    else {
        return (false, None);
    };
    let is_good = is_text(user, "iss")
        && is_text(user, "sub")
        && is_text(keys, "watts_userid")
        && is_text(keys, "cred_state")
        && is_token(keys)
        && configuration.keys().all(|name| is_name(name));
    // The parameters of a revocation are not checked: the library drops them, and old hosts send a text in their place.
    let parameters = object("params");
    let has_parameters = parameters.is_some_and(|given| given.keys().all(|name| is_name(name)));
    if !is_good || !(is_revocation || has_parameters) {
        return (false, None);
    }
    // The library does not have the following rules, or has different ones.
    if !configuration.values().all(|value| value.is_string() || value.is_boolean()) {
        return (false, Some("W4"));
    }
    let is_intent = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=128).contains(&text.len()) && text.bytes().all(allowed)
    };
    match keys.get("intent_id") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if is_intent(text) => {}
        Some(_) => return (false, Some("R2")),
    }
    let mut decision = None;
    for login in logins {
        let Some(login) = login.as_object().filter(|login| is_token(login)) else { return (false, None) };
        match login.get("user_info").and_then(Value::as_object) {
            Some(claims) if is_text(claims, "iss") && is_text(claims, "sub") => {
                if !claims.values().all(Value::is_string) {
                    decision = Some("H29");
                }
            }
            _ => return (false, Some("W3")),
        }
    }
    if is_revocation && !has_parameters {
        decision = decision.or(Some("W1"));
    }
    (true, decision)
}

fn is_text(keys: &Map<String, Value>, key: &str) -> bool {
    keys.get(key).is_some_and(Value::is_string)
}

fn is_token(keys: &Map<String, Value>) -> bool {
    keys.get("access_token").is_none_or(|token| token.is_string() || token.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_key_of_a_call_counts() {
        let good = json!({
            "action": "request", "watts_version": "1", "watts_userid": "e30", "cred_state": "undefined",
            "conf_params": {"a": "x", "b": true}, "params": {}, "user_info": {"iss": "i", "sub": "s"},
            "additional_logins": [{"user_info": {"iss": "i", "sub": "s"}}],
        });
        assert_eq!(accepts(&good), (true, None));
        let with = |key: &str, value: Value| {
            let mut input = good.clone();
            input[key] = value;
            accepts(&input)
        };
        for key in good.as_object().unwrap().keys() {
            assert!(!with(key, json!(5)).0, "{key}");
        }
        assert_eq!(with("conf_params", json!({"a": 1})), (false, Some("W4")));
        assert_eq!(with("intent_id", json!("a b")), (false, Some("R2")));
        assert_eq!(with("additional_logins", json!([{}])), (false, Some("W3")));
        let claims = json!([{"user_info": {"iss": "i", "sub": "s", "groups": []}}]);
        assert_eq!(with("additional_logins", claims), (true, Some("H29")));
        assert_eq!(accepts(&json!({"action": "parameter", "watts_version": "1"})), (true, None));
    }
}
