//! The table of certificate authorities after each refresh.
//!
//! See decisions B14 and H131.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// The moment of the first round, in milliseconds.
pub const BEGINNING: u64 = 1_800_000_000_000;
/// The time between two rounds: longer than any wait after a failure, and shorter than a day.
pub const ROUNDS_APART: Duration = Duration::from_secs(3600);
const DAY: u64 = 24 * 3600 * 1000;

/// A description of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The id that the plugin gives to the authority.
    pub id: String,
    /// The name.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// The certificate.
    pub signing_certificate: Option<String>,
    /// The certificates above the signing certificate.
    pub intermediates: Option<String>,
    /// The moment at which the description expires.
    pub expiration: Option<u64>,
}

/// One round, with the answers that the plugins give if they are asked. A plugin is asked only if a refresh is due.
#[derive(Clone, Debug)]
pub struct Round {
    /// The plugins, in their order, with their answers. `None` means that the plugin raised an exception.
    pub answers: Vec<(&'static str, Option<Vec<Described>>)>,
}

/// Reads the rounds of a vector.
pub fn rounds(input: &Value) -> Vec<Round> {
    const SECOND: [&str; 2] = ["round2_plugin_would_say", "round2"];
    let one = |answer| Round { answers: vec![("Scripted", answer)] };
    if input.get("A").is_some() || input.get("B").is_some() {
        let of = |plugin: &str| answer(&input[plugin]);
        return vec![Round { answers: vec![("Scripted", of("A")), ("ScriptedB", of("B"))] }];
    }
    let Some(first) = input.get("round1") else { return vec![one(Some(overridden(input)))] };
    let second = SECOND.into_iter().find_map(|key| input.get(key));
    [Some(first), second].into_iter().flatten().map(|said| one(answer(said))).collect()
}

fn usual(id: &str) -> Described {
    let upper = id.to_uppercase();
    Described {
        id: id.to_owned(),
        name: upper.clone(),
        description: Some(format!("d {upper}")),
        signing_certificate: Some(format!("S{upper}")),
        intermediates: Some(format!("I{upper}")),
        expiration: Some(BEGINNING + DAY),
    }
}

/// Reads a description that a vector gives in words. Null means that the plugin does not list the authority.
fn described(id: &str, words: &Value) -> Option<Described> {
    let usual = usual(id);
    match words.as_str() {
        Some(words) if words.contains("no expiration") => Some(Described {
            description: None,
            signing_certificate: None,
            intermediates: None,
            expiration: None,
            ..usual
        }),
        Some(words) if words.contains("expired") => {
            Some(Described { expiration: Some(BEGINNING - DAY), ..usual })
        }
        _ if words.is_null() => None,
        _ => Some(usual),
    }
}

/// Reads the answer of a plugin: a list of ids, a map from ids to words, or only words, which are about the authority
/// `a`. Returns `None` if the plugin raises an exception.
fn answer(said: &Value) -> Option<Vec<Described>> {
    match said {
        Value::String(words) if words.contains("raises") => None,
        Value::String(_) => Some(described("a", said).into_iter().collect()),
        Value::Array(ids) => Some(ids.iter().filter_map(Value::as_str).map(usual).collect()),
        Value::Object(cas) => Some(cas.iter().filter_map(|(id, words)| described(id, words)).collect()),
        _ => None,
    }
}

/// Returns the authorities `a` and `b` with the changes of a vector. A change is named `a.name` and so on, or `a` for
/// the whole authority.
fn overridden(input: &Value) -> Vec<Described> {
    let text = |value: &Value| value["bytes"].as_str().or(value.as_str()).map(str::to_owned);
    let mut all = vec![usual("a"), usual("b")];
    let mut gone = Vec::new();
    for (key, value) in input.as_object().into_iter().flatten() {
        let (id, field) = key.split_once('.').unwrap_or((key, ""));
        let Some(ca) = all.iter_mut().find(|ca| ca.id == id) else { continue };
        match field {
            "name" => match text(value) {
                Some(name) => ca.name = name,
                None => gone.push(id),
            },
            "description" => ca.description = text(value),
            "ca_signing_certificate" => ca.signing_certificate = text(value),
            "intermediates" => ca.intermediates = text(value),
            // In these vectors a changed expiration date is never valid, so the host ignores the authority.
            "expiration" => gone.push(id),
            "" if value.is_null() => gone.push(id),
            // Other changes have no effect: the contract has no further fields, and a plugin cannot rename itself.
            _ => {}
        }
        if matches!(field, "description" | "ca_signing_certificate" | "intermediates")
            && text(value).is_none()
        {
            gone.push(id);
        }
    }
    all.retain(|ca| !gone.contains(&ca.id.as_str()));
    all
}

/// Returns the rows of the table after each round.
pub fn tables(input: &Value) -> Vec<Value> {
    let mut table: Vec<(&str, Described)> = Vec::new();
    let mut due: Vec<(&str, u64)> = Vec::new();
    let mut now = BEGINNING;
    let mut tables = Vec::new();
    for Round { answers } in rounds(input) {
        for (plugin, answer) in answers {
            if due.iter().any(|(of, at)| *of == plugin && *at > now) {
                continue;
            }
            let listed: Vec<Described> = answer.into_iter().flatten().filter(fits).collect();
            if listed.is_empty() {
                // The plugin listed no valid authority, so its rows stay, and it is asked again in the next round.
                continue;
            }
            let expires = listed.iter().filter_map(|ca| ca.expiration).min().unwrap_or(now + DAY);
            due.retain(|(of, _)| *of != plugin);
            due.push((plugin, expires));
            table.retain(|(of, _)| *of != plugin);
            for ca in listed {
                let is_taken = |(of, other): &(&str, Described)| {
                    other.name == ca.name || *of == plugin && other.id == ca.id
                };
                if is_name(&ca.name) && !table.iter().any(is_taken) {
                    table.push((plugin, ca));
                }
            }
        }
        tables.push(sorted(table.iter().map(|(plugin, ca)| row(plugin, ca)).collect()));
        now += u64::try_from(ROUNDS_APART.as_millis()).unwrap_or(u64::MAX);
    }
    tables
}

/// Tells whether the contract can express a description.
fn fits(ca: &Described) -> bool {
    let is_pem = |text: &Option<String>| text.as_deref().is_none_or(|text| !text.trim().is_empty());
    is_name(&ca.id) && is_pem(&ca.signing_certificate) && is_pem(&ca.intermediates)
}

fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.contains(char::is_control)
}

/// Writes one row.
pub fn row(plugin: &str, ca: &Described) -> Value {
    let mut meta = Map::new();
    let mut put = |key: &str, text: Option<&String>| {
        if let Some(text) = text {
            meta.insert(key.to_owned(), text.as_str().into());
        }
    };
    put("name", Some(&ca.name));
    put("description", ca.description.as_ref());
    put("ca_signing_certificate", ca.signing_certificate.as_ref());
    put("intermediates", ca.intermediates.as_ref());
    json!({ "plugin": plugin, "id": ca.id, "meta": meta, "has_expiration": ca.expiration.is_some() })
}

/// Puts rows into an order that does not depend on ids of the host.
pub fn sorted(mut rows: Vec<Value>) -> Value {
    rows.sort_by_key(ToString::to_string);
    rows.into()
}
