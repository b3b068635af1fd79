//! Replays the vectors `base`: the behaviour of upstream's base class, and the keys that the class accepts.

use keyway_core::PluginError as _;
use keyway_seal::{Choice, Key, KeyRing};
use keyway_secrets::Progress;
use pollster::block_on;
use serde_json::{Value, json};

use super::subject::Plugin;
use super::upstream_error;
use crate::replay::oracle::base64;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// The source code of the traits. Only the source code shows which methods a plugin must have.
const STORE: &str = include_str!("../../../../crates/keyway-secrets/src/plugin.rs");
const HOOKS: &str = include_str!("../../../../crates/keyway-secrets/src/document/hooks.rs");

pub(super) struct Base;

impl Adapter for Base {
    fn run(&self, input: &Input) -> Observed {
        if input.value().get("keys").is_some() {
            let keys = input
                .get("keys")
                .as_array()
                .into_iter()
                .flatten()
                .map(|key| key.as_str().unwrap_or_default());
            let outcome = match KeyRing::parse(keys) {
                Ok(ring) => StepOutcome::Ok(json!({ "n_keys": ring.ids().len() })),
                Err(error) => StepOutcome::Refused(Class::of_kind(error.kind())),
            };
            return Observed::one("keys", outcome);
        }
        let call = input.get("call").as_array().map_or(&[][..], Vec::as_slice);
        let method = call.first().and_then(Value::as_str).unwrap_or_default();
        let outcome = match method {
            "_shuffle" => shuffle(),
            "_rotate_init" => rotate(call.get(1).unwrap_or(&Value::Null), false),
            "_rotate_finish" => rotate(&Value::Null, true),
            hook if hook.starts_with('_') => unwritten(HOOKS, &hook[1..]),
            operation => unwritten(STORE, operation),
        };
        Observed::one(method, outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let keys: Vec<_> = match input.get("keys") {
            Value::Array(keys) => keys.iter().map(|key| key.as_str().unwrap_or_default()).collect(),
            _ => return vec![None],
        };
        if keys.iter().any(|key| !base64::is_key(key)) {
            return vec![Some(Ruling::refused("C8", &[Class::Invalid]))];
        }
        let mut different = keys.clone();
        different.sort_unstable();
        different.dedup();
        let repeats = different.len() < keys.len();
        vec![repeats.then(|| Ruling::new("H15", Demand::Exactly(json!({ "n_keys": different.len() }))))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match (expected.value().get("ok"), upstream_error(expected.value())) {
            (Some(Value::Null), None) => Demand::done(),
            // Upstream's answer also has the path of a store file. A trait has no file, so only the number of keys is
            // compared.
            (Some(made), None) => {
                Demand::Exactly(json!({ "n_keys": made.get("n_keys").ok_or("no `n_keys`")? }))
            }
            (None, Some("NotImplementedError")) => Demand::Refused(&[Class::Unsupported]),
            (None, Some(_)) => Demand::Refused(&[Class::Invalid]),
            _ => return Err("neither `ok` nor `error`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}

/// Returns the outcome of a plugin that lacks a method of the contract.
///
/// In Rust, such a plugin does not compile. Upstream reports the error only at the first call.
fn unwritten(contract: &str, method: &str) -> StepOutcome {
    let declared = contract.find(&format!("fn {method}(")).map(|at| &contract[at..]);
    match declared.and_then(|declared| declared.find([';', '{']).map(|end| declared.as_bytes()[end])) {
        Some(b';') => StepOutcome::Refused(Class::Unsupported),
        // The trait has a default body for this method, so the call succeeds.
        Some(_) => StepOutcome::done(),
        None => StepOutcome::Refused(Class::NotFound),
    }
}

/// Seals several times, with a key drawn from the ring for each token.
fn shuffle() -> StepOutcome {
    let ring = KeyRing::new([1, 2, 3].map(|byte| Key::from_bytes(&mut [byte; 32])));
    let sealed = ring.ok().and_then(|ring| {
        let (token, _) = ring.seal_with(Choice::Random, b"text").ok()?;
        ring.open(token.as_bytes()).ok()
    });
    sealed.map_or(StepOutcome::Refused(Class::Internal), |_| StepOutcome::done())
}

/// Rotates a real store to these keys. If `is_finished`, also checks that only the new keys open the store.
fn rotate(keys: &Value, is_finished: bool) -> StepOutcome {
    let attempt = || -> Result<(), Class> {
        let plugin = Plugin::named("generic").ok_or(Class::Internal)?;
        let root = tempfile::tempdir().map_err(|_| Class::Internal)?;
        let old = Plugin::some_keys();
        let new = match keys.as_array() {
            Some(keys) => KeyRing::parse(keys.iter().map(|key| key.as_str().unwrap_or_default())),
            None => KeyRing::new([Key::from_bytes(&mut [8; 32])]),
        };
        let new = new.map_err(|error| Class::of_kind(error.kind()))?;
        let open =
            |keys: &KeyRing| plugin.open(root.path(), "s", keys, None).map_err(|error| Class::of(&error));
        let store = open(&old)?;
        block_on(async {
            store.initialize().await?;
            store.rotate(&new, &|_: Progress| {}).await
        })
        .map_err(|error| Class::of(&error))?;
        if is_finished {
            block_on(open(&new)?.written_by()).map_err(|error| Class::of(&error))?;
            return match block_on(open(&old)?.written_by()).map_err(|error| Class::of(&error)) {
                Err(Class::WrongKey) => Ok(()),
                _ => Err(Class::Internal),
            };
        }
        Ok(())
    };
    attempt().map_or_else(StepOutcome::Refused, |()| StepOutcome::done())
}
