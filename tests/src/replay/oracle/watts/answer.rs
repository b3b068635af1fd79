//! The meaning of a plugin's answer to a request or a revocation, in both profiles.
//!
//! See decisions W2, W3, W8.

use serde_json::{Map, Value, json};

use super::{Plain, erlang};
use crate::replay::Class;

/// The longest permitted output of a plugin, in bytes.
///
/// See decision W7.
const LONGEST: usize = 1 << 20;
/// The longest permitted `state` (the reference to a credential on the wire), in bytes.
const LONGEST_STATE: usize = 16 << 10;
/// The shortest value of a part of a credential that is searched for in its `state`, in bytes. Shorter values occur by
/// chance.
///
/// See decision W8.
const SHORTEST_SECRET: usize = 8;

/// The output and the result of a plugin's run.
#[derive(Clone, Copy, Debug)]
pub struct Printed<'a> {
    /// The output.
    pub text: &'a str,
    /// True if the plugin exited with status 0.
    pub success: bool,
    /// True if the output is read in the lenient profile.
    pub lenient: bool,
}

/// An answer, and the decision that makes it differ from the real host's, if any.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The answer.
    pub answer: Answer,
    /// The decision.
    pub decision: Option<&'static str>,
}

/// The meaning of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A credential with these parts and this `state` exists.
    Issued(Vec<Value>, String),
    /// The plugin needs another login.
    Login(Value),
    /// The credential was revoked.
    Revoked,
    /// The plugin refused: the messages for the user and the log.
    TransitionError(Value),
    /// The contract is broken. A credential may exist. Its `state` is given if it is known.
    Broken(Class, Option<String>),
    /// A credential exists, and its `state` cannot be kept: it is too long, or contains the value of a part of
    /// the credential.
    ///
    /// See decision W8.
    Leaking(String),
}

impl Reading {
    const fn new(answer: Answer, decision: Option<&'static str>) -> Self {
        Self { answer, decision }
    }

    const fn broken(class: Class, decision: Option<&'static str>) -> Self {
        Self::new(Answer::Broken(class, None), decision)
    }
}

/// Returns the printed object, or the violation.
pub(super) fn object_of(printed: Printed<'_>) -> Result<Plain, Reading> {
    if printed.text.len() > LONGEST {
        return Err(Reading::broken(Class::BadJson, Some("W7")));
    }
    if printed.text.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
        return Err(Reading::broken(if printed.success { Class::BadJson } else { Class::Program }, None));
    }
    if Plain::is_too_deep(printed.text) {
        return Err(Reading::broken(Class::BadJson, Some("H78")));
    }
    let Some((value, rest)) = Plain::first_of(printed.text) else {
        return Err(Reading::broken(Class::BadJson, None));
    };
    let has_more = !rest.trim_matches([' ', '\t', '\r', '\n']).is_empty();
    if !printed.lenient && (has_more || value.has_duplicates()) {
        let state = value.get("state").and_then(Plain::text).map(str::to_owned);
        let is_ok = value.get("result").and_then(Plain::text) == Some("ok");
        let answer = Answer::Broken(Class::BadJson, state.filter(|_| is_ok));
        return Err(Reading::new(answer, Some("W2")));
    }
    if matches!(value, Plain::Object(_)) { Ok(value) } else { Err(Reading::broken(Class::NotAnObject, None)) }
}

/// Reads the answer to a request.
pub fn request(printed: Printed<'_>) -> Reading {
    let object = match object_of(printed) {
        Ok(object) => object,
        Err(reading) => return reading,
    };
    match object.get("result") {
        None => Reading::broken(Class::MissingResult, None),
        Some(Plain::Text(word)) if word == "ok" => issued(&object, printed),
        Some(Plain::Text(word)) if word == "oidc_login" => login(&object, printed),
        Some(Plain::Text(word)) if word == "error" => refusal(&object, printed.lenient),
        Some(_) => Reading::broken(Class::BadResult, Some("W3")),
    }
}

/// Reads the answer to a revocation.
pub fn revocation(printed: Printed<'_>) -> Reading {
    let object = match object_of(printed) {
        Ok(object) => object,
        // A revocation makes no credential, so a state in the output does not count.
        Err(Reading { answer: Answer::Broken(class, _), decision }) => {
            return Reading::broken(class, decision);
        }
        Err(reading) => return reading,
    };
    let result = object.get("result").and_then(Plain::text);
    if let (Some(error), Some(word @ ("ok" | "error"))) = (object.get("error"), result) {
        return contradiction(&object, error, word, printed.lenient);
    }
    match object.get("result") {
        None => Reading::broken(Class::MissingResult, None),
        Some(Plain::Text(word)) if word == "ok" && (printed.lenient || printed.success) => {
            Reading::new(Answer::Revoked, None)
        }
        Some(Plain::Text(word)) if word == "ok" => Reading::broken(Class::BadResult, Some("W2")),
        Some(Plain::Text(word)) if word == "error" => refusal(&object, printed.lenient),
        Some(_) => Reading::broken(Class::BadResult, Some("W3")),
    }
}

/// Reads an answer to a revocation that has a key `error`. The strict profile refuses the answer, and the lenient
/// profile reads it as an error.
///
/// See decision W10.
fn contradiction(object: &Plain, error: &Plain, word: &str, lenient: bool) -> Reading {
    if !lenient {
        return Reading::broken(Class::BadResult, Some("W10"));
    }
    if word == "error" {
        return refusal(object, lenient);
    }
    let shown = |key: &str| object.get(key).map(erlang::shown);
    let user = shown("user_msg").unwrap_or_else(|| "the credential could not be revoked".to_owned());
    let log = shown("log_msg").unwrap_or_else(|| {
        format!("the result is \"ok\" beside an error: {}", erlang::marked(&erlang::shown(error)))
    });
    Reading::new(Answer::TransitionError(json!({ "user_msg": user, "log_msg": log })), Some("W10"))
}

/// Reads an error. The exit status of the plugin does not matter.
pub(super) fn refusal(object: &Plain, lenient: bool) -> Reading {
    let (user, log) = (object.get("user_msg"), object.get("log_msg"));
    let Some(user) = user else { return Reading::broken(Class::BadError, None) };
    let others = [Some(user), log].into_iter().flatten().filter(|message| message.text().is_none());
    let others: Vec<_> = others.collect();
    if !lenient && !others.is_empty() {
        return Reading::broken(Class::BadError, Some("W3"));
    }
    let is_ours =
        others.iter().any(|message| erlang::is_ours(message)) || (log.is_none() && !others.is_empty());
    let user = erlang::shown(user);
    let log = log.map_or_else(|| format!("error response: {}", erlang::marked(&user)), erlang::shown);
    let messages = json!({ "user_msg": user, "log_msg": log });
    Reading::new(Answer::TransitionError(messages), is_ours.then_some("W3"))
}

fn login(object: &Plain, printed: Printed<'_>) -> Reading {
    if !printed.lenient && !printed.success {
        return Reading::broken(Class::BadResult, Some("W2"));
    }
    let (Some(provider), Some(message)) = (object.get("provider"), object.get("msg")) else {
        return Reading::broken(Class::BadResult, None);
    };
    let Some(provider) = provider.text() else { return Reading::broken(Class::BadResult, Some("W3")) };
    match message.text() {
        None if !printed.lenient => Reading::broken(Class::BadResult, Some("W3")),
        text => {
            let answer = Answer::Login(json!({ "provider": provider, "msg": erlang::shown(message) }));
            Reading::new(answer, text.is_none().then_some("W3"))
        }
    }
}

fn issued(object: &Plain, printed: Printed<'_>) -> Reading {
    let mut decision = None;
    let state = object.get("state");
    let known = state.and_then(Plain::text).map(str::to_owned);
    let mut broken = false;
    if !printed.lenient && !printed.success {
        (broken, decision) = (true, Some("W2"));
    }
    if state.is_some() && known.is_none() {
        (broken, decision) = (true, Some("W8"));
    }
    let mut entries = Vec::new();
    match object.get("credential") {
        Some(Plain::List(parts)) => {
            for each in parts {
                let part = part(each, printed.lenient);
                if part.as_ref().is_none_or(|(_, is_plain)| !is_plain) {
                    decision = decision.or(Some("W3"));
                }
                broken |= part.is_none();
                entries.extend(part.map(|(entry, _)| entry));
            }
        }
        _ => broken = true,
    }
    match known {
        Some(state) if !broken => {
            let leaks = entries.iter().any(|entry| {
                let value = entry["value"].as_str().unwrap_or_default().trim();
                value.len() >= SHORTEST_SECRET && state.contains(value)
            });
            if leaks || state.len() > LONGEST_STATE {
                Reading::new(Answer::Leaking(state), Some("W8"))
            } else {
                Reading::new(Answer::Issued(entries, state), decision)
            }
        }
        known => Reading::new(Answer::Broken(Class::BadResult, known), decision),
    }
}

/// Reads a part of a credential, and tells whether the real host displays the part in the same way.
///
/// Returns `None` if the part breaks the contract; the real host drops such a part silently (decision W3).
fn part(part: &Plain, lenient: bool) -> Option<(Value, bool)> {
    const KEYS: [&str; 6] = ["name", "type", "value", "rows", "cols", "save_as"];
    let Plain::Object(keys) = part else { return None };
    let mut is_plain = keys.iter().all(|(key, _)| KEYS.contains(&key.as_str()));
    let kind = part.get("type")?.text().filter(|kind| ["text", "textarea", "textfile"].contains(kind))?;
    let mut entry = Map::new();
    entry.insert("type".to_owned(), kind.into());

    let name = part.get("name");
    if name.and_then(Plain::text).is_none() {
        if !lenient {
            return None;
        }
        is_plain = false;
    }
    entry.insert("name".to_owned(), name.map(erlang::shown).unwrap_or_default().into());

    let value = part.get("value")?;
    if value.text().is_none() {
        if !lenient {
            return None;
        }
        is_plain &= !erlang::is_ours(value);
    }
    let value = match value {
        Plain::List(lines) if kind == "textfile" => erlang::joined(lines),
        other => erlang::shown(other),
    };
    entry.insert("value".to_owned(), value.into());

    for key in ["rows", "cols"] {
        let Some(count) = part.get(key) else { continue };
        if kind == "text" {
            // The key has no meaning for a part of this type, and is dropped. The real host passes it on.
            is_plain = false;
            continue;
        }
        let number = match count {
            Plain::Integer(digits) => Some(digits.parse::<u32>().ok()?),
            Plain::Text(digits) if lenient && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                is_plain = false;
                Some(digits.parse().ok()?)
            }
            Plain::Null if lenient => {
                is_plain = false;
                None
            }
            _ => return None,
        };
        if let Some(number) = number {
            entry.insert(key.to_owned(), number.into());
        }
    }
    if let Some(save_as) = part.get("save_as") {
        if save_as.text().is_none() && !lenient {
            return None;
        }
        is_plain &= kind == "textfile" && save_as.text().is_some();
        if kind == "textfile" {
            entry.insert("save_as".to_owned(), erlang::shown(save_as).into());
        }
    }
    Some((entry.into(), is_plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, success: bool) -> [Reading; 2] {
        [true, false].map(|lenient| request(Printed { text, success, lenient }))
    }

    #[test]
    fn the_profiles_differ_where_decisions_say_so() {
        let good =
            r#"{"result": "ok", "credential": [{"name": "n", "type": "text", "value": "v"}], "state": "s"}"#;
        let entry = json!({ "name": "n", "type": "text", "value": "v" });
        let issued = Reading::new(Answer::Issued(vec![entry], "s".to_owned()), None);
        assert_eq!(read(good, true), [issued.clone(), issued.clone()]);
        let orphan = |class| Reading::new(Answer::Broken(class, Some("s".to_owned())), Some("W2"));
        assert_eq!(read(good, false), [issued.clone(), orphan(Class::BadResult)]);
        assert_eq!(read(&format!("{good} bye"), true), [issued, orphan(Class::BadJson)]);
    }

    #[test]
    fn inputs_that_both_refuse() {
        for (text, class, decision) in [
            ("bye", Class::BadJson, None),
            ("[]", Class::NotAnObject, None),
            ("{}", Class::MissingResult, None),
            (r#"{"result": "OK"}"#, Class::BadResult, Some("W3")),
            (r#"{"result": "ok", "credential": [], "state": 5}"#, Class::BadResult, Some("W8")),
            (r#"{"result": "error"}"#, Class::BadError, None),
            (r#"{"result": "oidc_login", "provider": null, "msg": "m"}"#, Class::BadResult, Some("W3")),
        ] {
            let broken = Reading::broken(class, decision);
            assert_eq!(read(text, true), [broken.clone(), broken], "{text}");
        }
        let text = r#"{"result": "ok", "credential": [{"name": "", "type": "text", "value": "12345678"}], "state": "a12345678"}"#;
        let leaking = Reading::new(Answer::Leaking("a12345678".to_owned()), Some("W8"));
        assert_eq!(read(text, true), [leaking.clone(), leaking]);
    }
}
