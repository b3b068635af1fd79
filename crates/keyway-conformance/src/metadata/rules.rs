//! The rules. They read the document by hand, not by the type that refuses most of what is
//! wrong, so that each says what it has to say.

use std::future::{Ready, ready};

use keyway_core::{Compatibility, Date, MetadataError, PluginKind, PluginMetadata, Version, WrittenBy};
use serde_json::{Map, Value};

use super::MetadataSubject;
use crate::{Broken, Level, Rule, broken, ensure};

type Trial<'a> = crate::Trial<'a, dyn MetadataSubject>;

/// A rule whose check is a plain function.
macro_rules! rule {
    ($id:literal $level:ident $function:path, $sentence:literal, $($clause:literal),+) => {
        Rule {
            id: $id,
            level: Level::$level,
            sentence: $sentence,
            clauses: &[$($clause),+],
            needs: None,
            check: |trial| Box::pin(answer($function(trial))),
        }
    };
}

fn answer(answer: Result<(), Broken>) -> Ready<Result<(), Broken>> {
    ready(answer)
}

pub(super) static RULES: &[Rule<dyn MetadataSubject>] = &[
    rule!("MET-001" Must id, "The registry id is in kebab case, of 1 to 64 characters.", "K2"),
    rule!("MET-002" Must keys,
        "The document is one JSON object with all its fields, each once, and no others.",
        "Convection/Metadata", "C3"),
    rule!("MET-003" Must types, "Every field has its type: texts, and an integer for `updated`.",
        "Convection/Metadata", "C3"),
    rule!("MET-004" Must version, "The version is Major.Minor.Patch, as SemVer writes it.",
        "Convection/version", "C1"),
    rule!("MET-005" Must updated, "The day of the last update is a day of the calendar, as the number YYYYMMDD.",
        "Convection/updated", "C3"),
    rule!("MET-006" Must author, "The author is a name, a blank, and an address in angle brackets.",
        "Convection/author", "C3"),
    rule!("MET-007" Must grammar, "The compatibility string keeps its grammar.", "Convection/compatibility", "C1"),
    rule!("MET-008" Must satisfiable, "Some version satisfies the compatibility string.", "C2"),
    rule!("MET-009" Must own_version, "The plugin's own version satisfies its own compatibility string.", "C4"),
    rule!("MET-010" Must kind, "The type is that of the contract under which the plugin is registered.",
        "Convection/plugin.type", "K3"),
    rule!("MET-011" Must name, "The name is a text of 1 to 256 bytes without control characters.", "C3"),
    rule!("MET-012" Should description, "The description says something.", "Convection/Metadata"),
    rule!("MET-013" Must round_trip, "What is read from the document and written again is the same document.",
        "C3"),
    rule!("MET-014" Must stamps,
        "The plugin reads what it wrote itself, and nothing of another name, another type, or a version outside its range.",
        "C4"),
    rule!("MET-015" Must constant, "The metadata is the same whenever it is asked for.", "R1"),
];

fn document(trial: &Trial<'_>) -> Result<Map<String, Value>, Broken> {
    let text = trial.subject().document();
    trial.history().record(format!("document: {text}"));
    match serde_json::from_str(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(broken("a JSON object", "another JSON value")),
        Err(error) => Err(broken("a JSON object", error.to_string())),
    }
}

/// The value at `key` or at `plugin.key`, null if there is none.
fn field(trial: &Trial<'_>, key: &str) -> Result<Value, Broken> {
    let mut document = document(trial)?;
    Ok(match key.strip_prefix("plugin.") {
        Some(inner) => document.get_mut("plugin").and_then(|plugin| plugin.get_mut(inner)).map(Value::take),
        None => document.remove(key),
    }
    .unwrap_or_default())
}

fn text(trial: &Trial<'_>, key: &str) -> Result<String, Broken> {
    match field(trial, key)? {
        Value::String(text) => Ok(text),
        other => Err(broken(format!("a text at `{key}`"), other.to_string())),
    }
}

fn id(trial: &Trial<'_>) -> Result<(), Broken> {
    let id = trial.subject().id();
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let right =
        id.len() <= 64 && id.split('-').all(word) && id.starts_with(|first: char| first.is_ascii_lowercase());
    ensure(right, "words of a-z and 0-9 joined by `-`, beginning with a letter", format!("{id:?}"))
}

fn keys(trial: &Trial<'_>) -> Result<(), Broken> {
    const OUTER: [&str; 5] = ["author", "compatibility", "plugin", "updated", "version"];
    const INNER: [&str; 3] = ["description", "name", "type"];
    let sorted = |object: &Map<String, Value>| {
        let mut keys: Vec<String> = object.keys().cloned().collect();
        keys.sort();
        keys
    };
    let document = document(trial)?;
    let found = sorted(&document);
    ensure(found == OUTER, format!("the keys {OUTER:?}"), format!("{found:?}"))?;
    if let Some(Value::Object(plugin)) = document.get("plugin") {
        let found = sorted(plugin);
        ensure(found == INNER, format!("the keys {INNER:?} of `plugin`"), format!("{found:?}"))?;
    }
    // A JSON value has lost what stood there twice.
    match PluginMetadata::from_json(&trial.subject().document()) {
        Err(error @ MetadataError::Duplicate { .. }) => Err(broken("every key once", error.to_string())),
        _ => Ok(()),
    }
}

fn types(trial: &Trial<'_>) -> Result<(), Broken> {
    for key in ["version", "author", "compatibility", "plugin.name", "plugin.type", "plugin.description"] {
        text(trial, key)?;
    }
    let updated = field(trial, "updated")?;
    ensure(updated.is_u64(), "an integer at `updated`", updated.to_string())?;
    let plugin = field(trial, "plugin")?;
    ensure(plugin.is_object(), "an object at `plugin`", plugin.to_string())
}

fn version(trial: &Trial<'_>) -> Result<(), Broken> {
    let text = text(trial, "version")?;
    let numbers = text.split(['-', '+']).next().unwrap_or_default().split('.').count();
    let right = numbers == 3 && Version::parse(&text).is_ok();
    ensure(right, "a version of three numbers", format!("{text:?}"))
}

fn updated(trial: &Trial<'_>) -> Result<(), Broken> {
    let found = field(trial, "updated")?;
    let number = found.as_u64().and_then(|number| u32::try_from(number).ok());
    ensure(number.and_then(Date::from_number).is_some(), "a day as YYYYMMDD", found.to_string())
}

fn author(trial: &Trial<'_>) -> Result<(), Broken> {
    let author = text(trial, "author")?;
    let parts = author.strip_suffix('>').and_then(|start| start.split_once(" <"));
    let right = parts.is_some_and(|(name, address)| {
        let sides = address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
        !name.is_empty()
            && name.trim() == name
            && !name.contains(['<', '>'])
            && sides
            && !address.contains([' ', '<', '>'])
    });
    ensure(right, "`Name <user@host>`", format!("{author:?}"))
}

fn grammar(trial: &Trial<'_>) -> Result<(), Broken> {
    let string = text(trial, "compatibility")?;
    let parsed = Compatibility::parse(&string);
    parsed
        .map(|_| ())
        .map_err(|error| broken("clauses such as `>=:1.0,<:2.0`", format!("{string:?}: {error}")))
}

fn compatibility(trial: &Trial<'_>) -> Result<Compatibility, Broken> {
    let string = text(trial, "compatibility")?;
    Compatibility::parse(&string).map_err(|error| broken("a compatibility string", error.to_string()))
}

fn satisfiable(trial: &Trial<'_>) -> Result<(), Broken> {
    let compatibility = compatibility(trial)?;
    let (expected, observed) = ("a string that some version satisfies", compatibility.to_string());
    ensure(compatibility.is_satisfiable(), expected, observed)
}

fn own_version(trial: &Trial<'_>) -> Result<(), Broken> {
    let compatibility = compatibility(trial)?;
    let own = Version::parse(&text(trial, "version")?);
    let own = own.map_err(|error| broken("a version", error.to_string()))?;
    ensure(compatibility.matches(&own), format!("a range with {own} in it"), compatibility.to_string())
}

fn kind(trial: &Trial<'_>) -> Result<(), Broken> {
    let expected = trial.subject().contract();
    let found = text(trial, "plugin.type")?;
    ensure(PluginKind::from_name(&found) == Some(expected), expected.as_str(), format!("{found:?}"))
}

fn name(trial: &Trial<'_>) -> Result<(), Broken> {
    let name = text(trial, "plugin.name")?;
    let right = (1..=256).contains(&name.len()) && !name.chars().any(|letter| letter.is_ascii_control());
    ensure(right, "1 to 256 bytes without control characters", format!("{name:?}"))
}

fn description(trial: &Trial<'_>) -> Result<(), Broken> {
    let description = text(trial, "plugin.description")?;
    ensure(!description.trim().is_empty(), "some words", format!("{description:?}"))
}

fn round_trip(trial: &Trial<'_>) -> Result<(), Broken> {
    let before = Value::Object(document(trial)?);
    let read = PluginMetadata::from_json(&trial.subject().document());
    let read = read.map_err(|error| broken("a document that is accepted", error.to_string()))?;
    let again: Value = serde_json::from_str(&read.to_json()).unwrap_or_default();
    ensure(again == before, before.to_string(), again.to_string())
}

fn stamps(trial: &Trial<'_>) -> Result<(), Broken> {
    let (subject, range) = (trial.subject(), compatibility(trial)?);
    let version = Version::parse(&text(trial, "version")?);
    let version = version.map_err(|error| broken("a version", error.to_string()))?;
    let own = WrittenBy { plugin_name: text(trial, "plugin.name")?, kind: subject.contract(), version };
    let look = |stamp: &WrittenBy, expected: bool| {
        let found = subject.reads(stamp);
        trial.history().record(format!("reads data of {stamp}: {found}"));
        let word = |reads| if reads { "read" } else { "refused" };
        ensure(found == expected, format!("data of {stamp} to be {}", word(expected)), word(found))
    };
    look(&own, true)?;
    look(&WrittenBy { plugin_name: format!("{} Two", own.plugin_name), ..own.clone() }, false)?;
    for kind in PluginKind::ALL.into_iter().filter(|kind| *kind != own.kind) {
        look(&WrittenBy { kind, ..own.clone() }, false)?;
    }
    let mut versions = vec![Version::new(0, 0, 0), Version::new(u64::MAX, u64::MAX, u64::MAX)];
    versions
        .extend((0..40).map(|_| Version::new(trial.random() % 4, trial.random() % 4, trial.random() % 4)));
    for version in versions {
        let expected = range.matches(&version);
        look(&WrittenBy { version, ..own.clone() }, expected)?;
    }
    Ok(())
}

fn constant(trial: &Trial<'_>) -> Result<(), Broken> {
    let subject = trial.subject();
    let (id, document, contract) = (subject.id(), subject.document(), subject.contract());
    for _ in 0..3 {
        ensure(subject.id() == id, id.as_str(), subject.id())?;
        ensure(subject.document() == document, document.as_str(), subject.document())?;
        ensure(subject.contract() == contract, contract.as_str(), subject.contract().as_str())?;
    }
    Ok(())
}
