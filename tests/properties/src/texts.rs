//! Checks the small texts that plugins and operators write: versions, metadata and configurations.

use std::str;

use keyway_core::{Compatibility, PluginMetadata, Version, read_configuration};
use serde_json::Value;

/// Checks a compatibility string and a version. The first line break of the input separates them. Without a line break,
/// the version is `1.2.3`.
///
/// The string and the version survive a round trip; an error names a position in the text; and the whole string matches
/// a version exactly when each clause by itself does (decisions C1 and C2).
pub fn compatibility(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (text, version) = text.split_once('\n').unwrap_or((text, "1.2.3"));
    let range = match Compatibility::parse(text) {
        Ok(range) => range,
        Err(error) => {
            assert!(usize::from(error.at) <= text.len(), "{error} in {} bytes", text.len());
            return;
        }
    };
    assert_eq!(Compatibility::parse(&range.to_string()).as_ref(), Ok(&range), "printed and parsed");
    let version = match Version::parse(version) {
        Ok(version) => version,
        Err(error) => {
            assert!(usize::from(error.at) <= version.len(), "{error} in {} bytes", version.len());
            return;
        }
    };
    assert_eq!(Version::parse(&version.to_string()).as_ref(), Ok(&version), "printed and parsed");
    let each = text
        .split(',')
        .all(|clause| Compatibility::parse(clause).expect("a clause of a valid string").matches(&version));
    assert_eq!(range.matches(&version), each, "{range} for {version}: the whole and its clauses");
    assert!(!range.matches(&version) || range.is_satisfiable(), "{range} matches {version}");
}

/// Checks plugin metadata as JSON.
///
/// A document survives a round trip, and its compatibility string can be satisfied (decisions C2
/// and C3).
pub fn metadata(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(metadata) = PluginMetadata::from_json(text) else { return };
    let again = PluginMetadata::from_json(&metadata.to_json()).expect("a written document can be read");
    assert_eq!(again, metadata);
    assert!(metadata.compatibility().is_satisfiable());
}

/// A plugin's configuration with every kind of field.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct Configuration {
    path: String,
    #[serde(default)]
    page_size: Option<u32>,
    #[serde(default)]
    keys: Vec<KeySource>,
    #[serde(default)]
    limits: std::collections::BTreeMap<String, f64>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "only read")]
enum KeySource {
    File { path: String },
    Callback,
}

/// Checks a plugin's configuration as JSON.
///
/// Every text in the configuration is replaced by a unique text. An error must not contain this text, because a
/// configuration may hold a secret.
pub fn configuration(data: &[u8]) {
    const CANARY: &str = "canary-5f2c91";
    fn with_canaries(value: &mut Value) {
        match value {
            Value::String(text) => CANARY.clone_into(text),
            Value::Array(values) => values.iter_mut().for_each(with_canaries),
            Value::Object(fields) => fields.values_mut().for_each(with_canaries),
            _ => {}
        }
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(data) else { return };
    let read = read_configuration::<Configuration>(&value.clone().into()).is_ok();
    with_canaries(&mut value);
    match read_configuration::<Configuration>(&value.into()) {
        // A text may name a variant, so the changed configuration may be refused although the original was read.
        Ok(_) => assert!(read, "texts decide nothing else"),
        Err(error) => {
            let said = format!("{error} {error:?}");
            assert!(!said.contains(CANARY), "the error shows a value");
        }
    }
}
