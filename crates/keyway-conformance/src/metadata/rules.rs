//! Tests metadata. The rules read the JSON document without the type [`PluginMetadata`], because that type refuses most
//! faults before a rule could report them.

use keyway_core::{Compatibility, Date, MetadataError, PluginKind, PluginMetadata, Version, WrittenBy};
use serde_json::{Map, Value};

use super::fixture::MetadataFixture;
use crate::notation::rules;
use crate::{Broken, broken, ensure};

rules! {
    in MetadataFixture;
    "MET-001" Must from ["K2"]
        "The registry id is in kebab case, of 1 to 64 characters."
        id plain;
    "MET-002" Must from ["Convection/Metadata", "C3"]
        "The document is one JSON object with all its fields, each once, and no others."
        keys plain;
    "MET-003" Must from ["Convection/Metadata", "C3"]
        "Every field has the right type: an integer for `updated`, and otherwise a text."
        types plain;
    "MET-004" Must from ["Convection/version", "C1"]
        "The version is Major.Minor.Patch, as SemVer writes it."
        version plain;
    "MET-005" Must from ["Convection/updated", "C3"]
        "The day of the last update is a day of the calendar, as the number YYYYMMDD."
        updated plain;
    "MET-006" Must from ["Convection/author", "C3"]
        "The author is a name, a blank, and an address in angle brackets."
        author plain;
    "MET-007" Must from ["Convection/compatibility", "C1"]
        "The compatibility string keeps its grammar."
        grammar plain;
    "MET-008" Must from ["C2"]
        "Some version satisfies the compatibility string."
        satisfiable plain;
    "MET-009" Must from ["C4"]
        "The plugin's own version satisfies its own compatibility string."
        own_version plain;
    "MET-010" Must from ["Convection/plugin.type", "K3"]
        "The type is that of the contract under which the plugin is registered."
        kind plain;
    "MET-011" Must from ["C3"]
        "The name is a text of 1 to 256 bytes without control characters."
        name plain;
    "MET-012" Should from ["Convection/Metadata"]
        "The description is not blank."
        description plain;
    "MET-013" Must from ["C3"]
        "Reading the document and writing it again gives the same document."
        round_trip plain;
    "MET-014" Must from ["C4"]
        "The plugin reads its own data, and no data of another name, another type, or a version outside its range."
        stamps plain;
    "MET-015" Must from ["R1"]
        "The metadata is the same whenever it is asked for."
        constant plain;
}

fn id(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let id = fixture.subject().id();
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let right =
        id.len() <= 64 && id.split('-').all(word) && id.starts_with(|first: char| first.is_ascii_lowercase());
    ensure(right, "words of a-z and 0-9 joined by `-`, beginning with a letter", format!("{id:?}"))
}

fn keys(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    const OUTER: [&str; 5] = ["author", "compatibility", "plugin", "updated", "version"];
    const INNER: [&str; 3] = ["description", "name", "type"];
    let sorted = |object: &Map<String, Value>| {
        let mut keys: Vec<String> = object.keys().cloned().collect();
        keys.sort();
        keys
    };
    let document = fixture.document()?;
    let found = sorted(&document);
    ensure(found == OUTER, format!("the keys {OUTER:?}"), format!("{found:?}"))?;
    if let Some(Value::Object(plugin)) = document.get("plugin") {
        let found = sorted(plugin);
        ensure(found == INNER, format!("the keys {INNER:?} of `plugin`"), format!("{found:?}"))?;
    }
    // The text is read again as `PluginMetadata`, since the parsed JSON value no longer shows duplicate keys.
    match PluginMetadata::from_json(&fixture.subject().document()) {
        Err(error @ MetadataError::Duplicate { .. }) => Err(broken("every key once", error.to_string())),
        _ => Ok(()),
    }
}

fn types(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    for key in ["version", "author", "compatibility", "plugin.name", "plugin.type", "plugin.description"] {
        fixture.text(key)?;
    }
    let updated = fixture.field("updated")?;
    ensure(updated.is_u64(), "an integer at `updated`", updated.to_string())?;
    let plugin = fixture.field("plugin")?;
    ensure(plugin.is_object(), "an object at `plugin`", plugin.to_string())
}

fn version(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let text = fixture.text("version")?;
    let numbers = text.split(['-', '+']).next().unwrap_or_default().split('.').count();
    let right = numbers == 3 && Version::parse(&text).is_ok();
    ensure(right, "a version of three numbers", format!("{text:?}"))
}

fn updated(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let found = fixture.field("updated")?;
    let number = found.as_u64().and_then(|number| u32::try_from(number).ok());
    ensure(number.and_then(Date::from_number).is_some(), "a day as YYYYMMDD", found.to_string())
}

fn author(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let author = fixture.text("author")?;
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

fn grammar(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let string = fixture.text("compatibility")?;
    let parsed = Compatibility::parse(&string);
    parsed
        .map(|_| ())
        .map_err(|error| broken("clauses such as `>=:1.0,<:2.0`", format!("{string:?}: {error}")))
}

fn compatibility(fixture: &MetadataFixture<'_>) -> Result<Compatibility, Broken> {
    let string = fixture.text("compatibility")?;
    Compatibility::parse(&string).map_err(|error| broken("a compatibility string", error.to_string()))
}

fn satisfiable(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let compatibility = compatibility(fixture)?;
    let (expected, observed) = ("a string that some version satisfies", compatibility.to_string());
    ensure(compatibility.is_satisfiable(), expected, observed)
}

fn own_version(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let compatibility = compatibility(fixture)?;
    let own = Version::parse(&fixture.text("version")?);
    let own = own.map_err(|error| broken("a version", error.to_string()))?;
    ensure(compatibility.matches(&own), format!("a range with {own} in it"), compatibility.to_string())
}

fn kind(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let expected = fixture.subject().contract();
    let found = fixture.text("plugin.type")?;
    ensure(PluginKind::from_name(&found) == Some(expected), expected.as_str(), format!("{found:?}"))
}

fn name(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let name = fixture.text("plugin.name")?;
    let right = (1..=256).contains(&name.len()) && !name.chars().any(|letter| letter.is_ascii_control());
    ensure(right, "1 to 256 bytes without control characters", format!("{name:?}"))
}

fn description(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let description = fixture.text("plugin.description")?;
    ensure(!description.trim().is_empty(), "some words", format!("{description:?}"))
}

fn round_trip(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let before = Value::Object(fixture.document()?);
    let read = PluginMetadata::from_json(&fixture.subject().document());
    let read = read.map_err(|error| broken("a document that is accepted", error.to_string()))?;
    let again: Value = serde_json::from_str(&read.to_json()).unwrap_or_default();
    ensure(again == before, before.to_string(), again.to_string())
}

fn stamps(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let (subject, range) = (fixture.subject(), compatibility(fixture)?);
    let version = Version::parse(&fixture.text("version")?);
    let version = version.map_err(|error| broken("a version", error.to_string()))?;
    let own = WrittenBy { plugin_name: fixture.text("plugin.name")?, kind: subject.contract(), version };
    let look = |stamp: &WrittenBy, expected: bool| {
        let found = subject.reads(stamp);
        fixture.history().record(format!("reads data of {stamp}: {found}"));
        let word = |reads| if reads { "read" } else { "refused" };
        ensure(found == expected, format!("data of {stamp} to be {}", word(expected)), word(found))
    };
    look(&own, true)?;
    look(&WrittenBy { plugin_name: format!("{} Two", own.plugin_name), ..own.clone() }, false)?;
    for kind in PluginKind::ALL.into_iter().filter(|kind| *kind != own.kind) {
        look(&WrittenBy { kind, ..own.clone() }, false)?;
    }
    let mut versions = vec![Version::new(0, 0, 0), Version::new(u64::MAX, u64::MAX, u64::MAX)];
    versions.extend(
        (0..40).map(|_| Version::new(fixture.random() % 4, fixture.random() % 4, fixture.random() % 4)),
    );
    for version in versions {
        let expected = range.matches(&version);
        look(&WrittenBy { version, ..own.clone() }, expected)?;
    }
    Ok(())
}

fn constant(fixture: &MetadataFixture<'_>) -> Result<(), Broken> {
    let subject = fixture.subject();
    let (id, document, contract) = (subject.id(), subject.document(), subject.contract());
    for _ in 0..3 {
        ensure(subject.id() == id, id.as_str(), subject.id())?;
        ensure(subject.document() == document, document.as_str(), subject.document())?;
        ensure(subject.contract() == contract, contract.as_str(), subject.contract().as_str())?;
    }
    Ok(())
}
