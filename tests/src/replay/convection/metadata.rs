//! Replays the vectors `metadata` and `compat_check`: a plugin's metadata, and the versions whose data the plugin may
//! read.

use keyway_core::{PluginKind, PluginMetadata, Version, WrittenBy};
use serde_json::{Value, json};

use super::upstream_error;
use crate::replay::oracle::metadata as oracle;
use crate::replay::oracle::version;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// Reads a metadata document, and writes it again.
pub(super) struct Metadata;

impl Adapter for Metadata {
    fn run(&self, input: &Input) -> Observed {
        let outcome = match PluginMetadata::from_json(&input.get("metadata").to_string()) {
            Ok(metadata) => match serde_json::from_str(&metadata.to_json()) {
                Ok(document) => StepOutcome::Ok(document),
                Err(_) => StepOutcome::Refused(Class::Internal),
            },
            Err(_) => StepOutcome::Refused(Class::Invalid),
        };
        Observed::one("read and written", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let broken = oracle::broken_decision(input.get("metadata"));
        vec![broken.map(|decision| Ruling::refused(decision, &[Class::Invalid]))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let got = expected.get("construct_then_get");
        let demand = match (got.get("ok"), upstream_error(got)) {
            (Some(document), None) => Demand::Exactly(document.clone()),
            (None, Some(_)) => Demand::AnyRefusal,
            _ => return Err("`construct_then_get` holds neither `ok` nor `error`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}

/// Checks whether a plugin may read data, given the version that wrote the data.
///
/// See decision C4.
pub(super) struct CompatCheck;

fn loaded(input: &Input) -> Value {
    if input.value().get("loaded_version").is_none() {
        // The plugin has no metadata.
        return Value::Null;
    }
    json!({
        "version": input.get("loaded_version"), "compatibility": input.get("loaded_compatibility"),
        "author": "A <a@example.org>", "updated": 20240101,
        "plugin": { "name": "Probe", "type": "Secret", "description": "d" },
    })
}

impl Adapter for CompatCheck {
    fn run(&self, input: &Input) -> Observed {
        let invalid = StepOutcome::Refused(Class::Invalid);
        let outcome = match PluginMetadata::from_json(&loaded(input).to_string()) {
            Err(_) => invalid,
            Ok(running) => match input.get("incoming_version").as_str().map(Version::parse) {
                Some(Ok(version)) => {
                    let written =
                        WrittenBy { plugin_name: "Probe".to_owned(), kind: PluginKind::Secret, version };
                    match running.check(&written) {
                        Ok(()) => StepOutcome::done(),
                        Err(_) => StepOutcome::Refused(Class::Incompatible),
                    }
                }
                _ => invalid,
            },
        };
        Observed::one("check", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let loaded = loaded(input);
        if let Some(decision) = oracle::broken_decision(&loaded) {
            return vec![Some(Ruling::refused(decision, &[Class::Invalid]))];
        }
        let incoming = input.get("incoming_version");
        let range = loaded["compatibility"].as_str().and_then(version::Compatibility::read);
        vec![Some(match (incoming.as_str().map(version::Version::read), range) {
            (Some(Some(version)), Some(range)) if range.admits(&version) => Ruling::new("C2", Demand::done()),
            (Some(Some(_)), _) => Ruling::refused("C2", &[Class::Incompatible]),
            (Some(None), _) => Ruling::refused("C1", &[Class::Invalid]),
            (None, _) => Ruling::refused("C3", &[Class::Invalid]),
        })]
    }

    /// Demands upstream's answer, but without the warning that upstream gives for a changed version.
    ///
    /// Keyway gives no warning: it stores the version of the writer next to the data.
    ///
    /// See decisions C4, H9.
    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match (expected.value().get("ok"), upstream_error(expected.value())) {
            (Some(Value::Null), None) => Demand::done(),
            (None, Some("VersionCompatibilityError")) => Demand::Refused(&[Class::Incompatible]),
            (None, Some(_)) => Demand::Refused(&[Class::Invalid]),
            _ => return Err("neither `ok` without content nor `error`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
