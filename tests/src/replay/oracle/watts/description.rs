//! A plugin's description of itself, and the consequences for its service.
//!
//! See decisions W2, W3, W4.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::answer::{Printed, object_of, refusal};
use super::gate::is_name;
use super::{Answer, Plain};
use crate::replay::Class;

/// The result for a service, and the decision that makes it differ from the real host's.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The service's view when it is enabled, or the class of its fault.
    pub enabled: Result<Value, Class>,
    /// The decision.
    pub decision: Option<&'static str>,
}

/// The result of the checks so far: whether the description is valid, and the decision that makes this result differ
/// from the real host's, if any.
struct Reading {
    lenient: bool,
    is_good: bool,
    decision: Option<&'static str>,
}

impl Reading {
    /// Records a fault that the real host refuses too.
    fn bad(&mut self) {
        self.is_good = false;
    }

    /// Records a fault that a decision refuses.
    fn refused_by(&mut self, decision: &'static str) {
        self.is_good = false;
        self.decision = Some(decision);
    }
}

/// Returns the result for a service whose plugin printed this description, with these configured values.
pub fn service(printed: Printed<'_>, configured: &Map<String, Value>, allow_argv: bool) -> Service {
    let refused = |class, decision| Service { enabled: Err(class), decision };
    let object = match object_of(printed) {
        Ok(object) => object,
        Err(reading) => {
            let class = match reading.answer {
                Answer::Broken(class, _) => class,
                _ => Class::BadDescription,
            };
            return refused(class, reading.decision);
        }
    };
    match object.get("result") {
        None => return refused(Class::MissingResult, None),
        Some(Plain::Text(word)) if word == "ok" => {}
        Some(Plain::Text(word)) if word == "error" => {
            let reading = refusal(&object, printed.lenient);
            let class = match reading.answer {
                Answer::Broken(class, _) => class,
                _ => Class::Denied,
            };
            return refused(class, reading.decision);
        }
        Some(_) => return refused(Class::BadDescription, Some("W3")),
    }
    let mut reading = Reading { lenient: printed.lenient, is_good: true, decision: None };
    if !printed.success && !printed.lenient {
        reading.refused_by("W2");
    }
    let version = object.get("version").and_then(Plain::text);
    if version.is_none() {
        reading.bad();
    }
    if !printed.lenient && object.get("developer_email").is_some_and(|email| email.text().is_none()) {
        reading.refused_by("W3");
    }
    let stdin = features(&object, &mut reading);
    let described = configuration(&object, &mut reading);
    let sets = sets(&object, &mut reading);
    if !reading.is_good {
        return refused(Class::BadDescription, reading.decision);
    }
    if !stdin && !allow_argv {
        return refused(Class::Invalid, reading.decision);
    }
    match resolve(described, configured) {
        Ok(resolved) => Service {
            enabled: Ok(json!({
                "version": version, "stdin": stdin, "sets": sets, "configuration": resolved,
            })),
            decision: reading.decision,
        },
        Err(decision) => refused(Class::Invalid, decision.or(reading.decision)),
    }
}

fn features(object: &Plain, reading: &mut Reading) -> bool {
    let features = object.get("features");
    if !reading.lenient {
        let has_wrong_type = |key| {
            let value = features.and_then(|features| features.get(key));
            value.is_some_and(|value| !matches!(value, Plain::Truth(_)))
        };
        let is_object = features.is_none_or(|features| matches!(features, Plain::Object(_)));
        if !is_object || has_wrong_type("stdin") || has_wrong_type("idempotent") {
            reading.refused_by("W3");
        }
    }
    features.and_then(|features| features.get("stdin")) == Some(&Plain::Truth(true))
}

/// Reads the described configuration: names and defaults.
fn configuration(object: &Plain, reading: &mut Reading) -> Vec<(String, Value)> {
    let Some(Plain::List(list)) = object.get("conf_params") else {
        reading.bad();
        return Vec::new();
    };
    let (mut described, mut seen) = (Vec::new(), BTreeSet::new());
    for each in list {
        let name = each.get("name").and_then(Plain::text);
        check_name(name, &mut seen, reading);
        let default = each.get("default");
        let default = match (each.get("type").and_then(Plain::text), default) {
            (Some("string"), Some(Plain::Text(text))) => Some(json!(text)),
            (Some("boolean"), Some(default)) => default.truth().map(Value::from),
            _ => None,
        };
        match (name, default) {
            (Some(name), Some(default)) => described.push((name.to_owned(), default)),
            _ => reading.bad(),
        }
    }
    described
}

/// Checks a name. The real host also accepts the empty name and duplicates.
///
/// See decision W4.
fn check_name<'a>(name: Option<&'a str>, seen: &mut BTreeSet<&'a str>, reading: &mut Reading) {
    let Some(name) = name else { return reading.bad() };
    if name.is_empty() {
        reading.refused_by("W4");
    } else if !is_name(name) {
        reading.bad();
    } else if !seen.insert(name) {
        reading.refused_by("W4");
    }
}

fn sets(object: &Plain, reading: &mut Reading) -> Value {
    let Some(Plain::List(list)) = object.get("request_params") else {
        reading.bad();
        return Value::Null;
    };
    let mut sets = Vec::new();
    for set in list {
        let Plain::List(parameters) = set else {
            reading.bad();
            continue;
        };
        let mut seen = BTreeSet::new();
        let parameters: Vec<_> = parameters.iter().map(|each| parameter(each, &mut seen, reading)).collect();
        if parameters.len() > 1 && reading.is_good {
            // Keyway keeps the order of the parameters; the real host reverses it.
            reading.decision = reading.decision.or(Some("W4"));
        }
        sets.push(parameters);
    }
    if sets.is_empty() {
        sets.push(Vec::new());
    }
    json!(sets)
}

fn parameter<'a>(each: &'a Plain, seen: &mut BTreeSet<&'a str>, reading: &mut Reading) -> Value {
    let text = |key| each.get(key).and_then(Plain::text);
    check_name(text("key"), seen, reading);
    let mandatory = match each.get("mandatory") {
        Some(Plain::Truth(truth)) => *truth,
        None if reading.lenient => false,
        None => {
            reading.refused_by("W4");
            false
        }
        Some(other) if reading.lenient => other.truth().unwrap_or_else(|| {
            reading.bad();
            false
        }),
        Some(_) => {
            reading.refused_by("W3");
            false
        }
    };
    if text("name").is_none() || text("description").is_none() || text("type") != Some("textarea") {
        reading.bad();
    }
    json!({
        "key": text("key"), "name": text("name"), "description": text("description"),
        "type": "textarea", "mandatory": mandatory,
    })
}

/// Combines the configured values with the described defaults. The error is the decision that refuses the values, or
/// `None` if the real host refuses them too.
fn resolve(
    described: Vec<(String, Value)>,
    configured: &Map<String, Value>,
) -> Result<Value, Option<&'static str>> {
    let mut resolved: Map<_, _> = described.into_iter().collect();
    let mut refused = None;
    for (name, value) in configured {
        let Some(known) = resolved.get_mut(name) else {
            // The real host drops the unknown value, with a warning.
            refused = Some(Some("W4"));
            continue;
        };
        let converted = match (&*known, value) {
            (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) => Some(value.clone()),
            (Value::Bool(_), Value::String(text)) => match text.as_str() {
                "true" | "True" => Some(true.into()),
                "false" | "False" => Some(false.into()),
                _ => None,
            },
            (Value::Bool(_), Value::Number(number)) => match number.as_u64() {
                Some(1) => Some(true.into()),
                Some(0) => Some(false.into()),
                _ => None,
            },
            _ => None,
        };
        match converted {
            Some(converted) => *known = converted,
            None => refused = refused.or(Some(None)),
        }
    }
    refused.map_or(Ok(resolved.into()), Err)
}
