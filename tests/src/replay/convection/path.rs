//! Replays the vectors `path`: the file of a store, given the name of the store.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pollster::block_on;
use serde_json::{Value, json};

use super::subject::{Plugin, files};
use super::upstream_error;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct StorePath;

/// Tells whether a name is a plain identifier, which cannot be a path.
///
/// See decision C9.
fn is_identifier(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}

impl Adapter for StorePath {
    /// Looks for the file after `initialize`, because opening a handle does not create the file.
    fn run(&self, input: &Input) -> Observed {
        let refused = |class| {
            let refused = StepOutcome::Refused(class);
            Observed::steps([("construct", refused.clone()), ("initialize", refused)])
        };
        let Some(plugin) = Plugin::named(input.text("plugin")) else { return refused(Class::Unsupported) };
        let Ok(root) = tempfile::tempdir() else { return refused(Class::Internal) };
        let Some(name) = input.get("store_name").as_str() else { return refused(Class::Invalid) };
        let store = match plugin.open(root.path(), name, &Plugin::some_keys(), None) {
            Ok(store) => store,
            Err(error) => return refused(Class::of(&error)),
        };
        if !files(root.path()).is_empty() {
            return refused(Class::Internal);
        }
        if let Err(error) = block_on(store.initialize()) {
            return refused(Class::of(&error));
        }
        let made = files(root.path());
        let construct = match made.first() {
            Some(file) => StepOutcome::Ok(json!({
                "path": format!("<ROOT>/{file}"), "name": name, "parent_mode": parent_mode(&root.path().join(file)),
            })),
            None => StepOutcome::Refused(Class::Internal),
        };
        Observed::steps([("construct", construct), ("initialize", StepOutcome::Ok(made.into()))])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let fits = input.get("store_name").as_str().is_some_and(is_identifier);
        let ruling = || (!fits).then(|| Ruling::refused("C9", &[Class::Invalid]));
        vec![ruling(), ruling()]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = |step: &Value| match (step.get("ok"), upstream_error(step)) {
            (Some(value), None) => Ok(UpstreamStep::from(Demand::Exactly(value.clone()))),
            (None, Some(_)) => Ok(Demand::AnyRefusal.into()),
            _ => Err("neither `ok` nor `error`".to_owned()),
        };
        Ok(vec![demand(expected.get("construct"))?, demand(expected.get("initialize"))?])
    }
}

fn parent_mode(file: &Path) -> Value {
    let mode = file
        .parent()
        .and_then(|parent| fs::metadata(parent).ok())
        .map(|parent| parent.permissions().mode() & 0o777);
    mode.map_or(Value::Null, |mode| format!("0o{mode:o}").into())
}
