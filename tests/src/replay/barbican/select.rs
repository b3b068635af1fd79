//! Replays the vectors `select`: the choice of the plugin for an order.

use std::sync::Mutex;

use keyway_certificates::RequestType;
use serde_json::{Value, json};

use super::candidate::{Scripted, is_true, routed};
use super::connections::{self, Connection};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Select;

/// Returns the request types that a plugin of a vector supports. If the types are a text in place of a list, upstream
/// looks for the wanted type inside the text; the typed interface reads the text as one type.
fn types(plugin: &Value) -> Vec<&str> {
    match &plugin["types"] {
        Value::String(text) => vec![text.as_str()],
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn plugins(input: &Input) -> &[Value] {
    input.get("plugins_in_order").as_array().map_or(&[], Vec::as_slice)
}

/// Tells whether the typed interface can express the plugins and the metadata of the vector.
fn is_expressible(input: &Input) -> bool {
    let is_known = |plugin: &Value| {
        types(plugin).iter().any(|name| !matches!(RequestType::from_text(name), RequestType::Other(_)))
    };
    let fits = |plugin: &Value| plugin["name"].as_str().is_some_and(is_name) && is_known(plugin);
    plugins(input).iter().all(fits) && input.get("order_meta").is_object()
}

/// Returns the outcome, and the plugins that were asked whether they support the order.
fn select(input: &Input) -> (StepOutcome, Vec<String>) {
    let asked = Mutex::default();
    let meta = input.get("order_meta");
    let candidates = plugins(input).iter().map(|plugin| {
        let types = types(plugin).into_iter().map(RequestType::from_text);
        Scripted::new(plugin["name"].as_str().unwrap_or_default(), types, &plugin["supports"], &asked)
    });
    let chosen =
        candidates.collect::<Result<Vec<_>, Class>>().and_then(|candidates| routed(&candidates, meta));
    let outcome = match chosen {
        Ok(route) => StepOutcome::Ok(route.authority.as_str().into()),
        Err(class) => StepOutcome::Refused(class),
    };
    (outcome, asked.into_inner().unwrap_or_default())
}

/// Returns, for an order that names no authority, the plugin that decisions demand, and the plugins that are asked.
fn demanded(input: &Input) -> (Option<&str>, Vec<&str>) {
    let request_type = match input.get("order_meta").get("request_type") {
        None => "custom",
        Some(named) => named.as_str().unwrap_or_default(),
    };
    let meta = input.get("order_meta");
    let supports = |plugin: &Value| match plugin["supports"].as_str().and_then(|text| text.split_once("==")) {
        Some((field, value)) => meta[field] == value,
        None => is_true(&plugin["supports"]),
    };
    let mut asked = Vec::new();
    for plugin in plugins(input).iter().filter(|plugin| types(plugin).contains(&request_type)) {
        asked.push(plugin["name"].as_str().unwrap_or_default());
        if supports(plugin) {
            return (asked.last().copied(), asked);
        }
    }
    (None, asked)
}

/// Returns the connections that a vector configures, or `None` if the vector is about the choice among plugins.
fn configured(input: &Input) -> Option<Vec<Connection<'_>>> {
    let value = input.value();
    if let Some(names) = value["enabled_certificate_plugins"].as_array() {
        let known = |name: &str| ["simple_certificate", "snakeoil_ca"].contains(&name);
        let connection = |name| if known(name) { Connection::Works(name) } else { Connection::Missing(name) };
        return Some(
            names.iter().filter_map(Value::as_str).filter(|name| is_name(name)).map(connection).collect(),
        );
    }
    // In a vector with an empty input, the constructor of the first plugin raises.
    let is_empty = value.as_object().is_some_and(serde_json::Map::is_empty);
    is_empty.then(|| vec![Connection::Fails("first"), Connection::Works("second")])
}

fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Returns the ruling on the plugins that are loaded: each connection that works, in the configured order.
fn loaded(connections: &[Connection<'_>]) -> Ruling {
    let names: Vec<&str> = connections.iter().map(Connection::name).collect();
    if (1..names.len()).any(|at| names[..at].contains(&names[at])) {
        return Ruling::refused("H133", &[Class::Invalid]);
    }
    let works = |connection: &&Connection<'_>| matches!(connection, Connection::Works(_));
    let names: Vec<&str> = connections.iter().filter(works).map(Connection::name).collect();
    Ruling::new("B10", Demand::Exactly(json!(names)))
}

impl Adapter for Select {
    fn run(&self, input: &Input) -> Observed {
        if let Some(connections) = configured(input) {
            return Observed::one("the plugins", connections::loaded(&connections));
        }
        let (outcome, asked) = select(input);
        Observed::steps([
            ("the plugin", outcome),
            ("the plugins that were asked", StepOutcome::Ok(json!(asked))),
        ])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        if let Some(connections) = configured(input) {
            return vec![Some(loaded(&connections))];
        }
        if !is_expressible(input) {
            return vec![Some(Ruling::new("H115", Demand::AnyRefusal)), None];
        }
        let request_type = input.get("order_meta").get("request_type").unwrap_or(&Value::Null);
        let is_unknown = request_type
            .as_str()
            .is_some_and(|name| matches!(RequestType::from_text(name), RequestType::Other(_)));
        if is_unknown {
            let nobody = Ruling::new("H115", Demand::Exactly(json!([])));
            return vec![Some(Ruling::new("H115", Demand::AnyRefusal)), Some(nobody)];
        }
        if !request_type.is_null() && !request_type.is_string() {
            return vec![None, None];
        }
        let (chosen, asked) = demanded(input);
        let chosen = chosen.map_or(Demand::AnyRefusal, |name| Demand::Exactly(name.into()));
        vec![Some(Ruling::new("B10", chosen)), Some(Ruling::new("B10", Demand::Exactly(json!(asked))))]
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        if configured(input).is_some() {
            let loaded = match (expected.get("loaded"), expected.get("second_obj_made")) {
                (loaded @ Value::Array(_), _) => loaded.clone(),
                (_, Value::Bool(true)) if expected.get("first_obj").is_null() => json!(["second"]),
                _ => return Err("neither `loaded` nor `second_obj_made`".to_owned()),
            };
            return Ok(vec![Demand::Exactly(loaded).into()]);
        }
        let chosen = match (expected.get("plugin"), expected.get("raises")) {
            (name @ Value::String(_), _) => Demand::Exactly(name.clone()),
            (_, Value::String(_)) => Demand::Refused(&[Class::Unsupported, Class::Invalid]),
            _ => return Err("neither `plugin` nor `raises`".to_owned()),
        };
        Ok(vec![chosen.into(), Demand::Exactly(expected.get("supports_asked").clone()).into()])
    }
}
