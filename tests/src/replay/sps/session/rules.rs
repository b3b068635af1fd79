//! The rules by which a vector's plugin answers a hook. The first rule that fits counts.

use serde_json::{Map, Value};

/// The rules of one hook.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

/// The effects and the result of a hook when its condition holds.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The values that the cookie must have.
    pub when: Map<String, Value>,
    /// The effects, in order.
    pub effects: Vec<Effect>,
    /// The end of the call.
    pub end: End,
}

/// An effect of a hook.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Sets an entry of the cookie.
    SetCookie(String, Value),
    /// Adds one to an entry of the cookie, which starts at zero.
    CountCookie(String),
    /// Sets an entry of the session cookie.
    SetSessionCookie(String, Value),
    /// Replaces all entries of the cookie.
    ReplaceCookie(Map<String, Value>),
    /// Replaces the account or the asset. A plugin of this project cannot do that.
    SetCandidate,
}

/// The outcome of a hook's call.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The hook returns a value.
    Returns(Value),
    /// The hook raises an exception of this class.
    Raises(String),
}

impl Rules {
    /// Reads the rules of a vector.
    ///
    /// # Errors
    /// The reason why the rules do not have the form that vectors use.
    pub fn read(rules: &Value) -> Result<Self, String> {
        let rules = rules.as_array().ok_or("the rules are no list")?;
        rules.iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the first rule whose values are all in `seen`.
    pub fn fitting(&self, seen: &Map<String, Value>) -> Option<&Rule> {
        let fits = |rule: &&Rule| {
            rule.when.iter().all(|(name, value)| seen.get(name).unwrap_or(&Value::Null) == value)
        };
        self.0.iter().find(fits)
    }
}

fn rule(rule: &Value) -> Result<Rule, String> {
    let when = match &rule["when"] {
        Value::Null => Map::new(),
        Value::Object(when) => when.clone(),
        _ => return Err("`when` is not an object".to_owned()),
    };
    let effects = rule["do"].as_array().map_or(&[][..], Vec::as_slice);
    let end = match (rule.get("return"), &rule["raise"]) {
        (Some(value), Value::Null) => End::Returns(value.clone()),
        (None, Value::String(class)) => End::Raises(class.clone()),
        _ => return Err("neither `return` nor `raise`".to_owned()),
    };
    Ok(Rule { when, effects: effects.iter().map(effect).collect::<Result<_, _>>()?, end })
}

fn effect(effect: &Value) -> Result<Effect, String> {
    let key = || effect["key"].as_str().map(str::to_owned).ok_or("an effect without a key");
    Ok(match (effect["op"].as_str(), &effect["value"]) {
        (Some("set_cookie"), value) => Effect::SetCookie(key()?, value.clone()),
        (Some("count_cookie"), _) => Effect::CountCookie(key()?),
        (Some("set_session_cookie"), value) => Effect::SetSessionCookie(key()?, value.clone()),
        (Some("replace_cookie"), Value::Object(entries)) => Effect::ReplaceCookie(entries.clone()),
        (Some("set_account" | "set_asset"), _) => Effect::SetCandidate,
        (op, _) => return Err(format!("an unknown effect {op:?}")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = Rules::read(&json!([
            {"when": {"account": "a"}, "do": [{"op": "count_cookie", "key": "n"}], "return": 1},
            {"when": {"ticket": null}, "raise": "KeyError"},
        ]))
        .unwrap();
        let fitting = |seen: Value| rules.fitting(seen.as_object().unwrap()).map(|rule| rule.end.clone());
        assert_eq!(fitting(json!({"account": "a"})), Some(End::Returns(json!(1))));
        assert_eq!(fitting(json!({"account": "b"})), Some(End::Raises("KeyError".to_owned())));
        assert_eq!(fitting(json!({"ticket": 7})), None);
    }

    #[test]
    fn other_forms_are_refused() {
        for rules in [json!(1), json!([{}]), json!([{"do": [{"op": "sleep"}], "return": null}])] {
            assert!(Rules::read(&rules).is_err(), "{rules}");
        }
    }
}
