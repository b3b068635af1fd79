//! Replays the vectors `store_file`: stores whose files upstream wrote are opened and read.

use std::fs;

use keyway_seal::KeyRing;
use keyway_secrets::{ListQuery, SecretAddress, SecretStore, StoreError};
use pollster::block_on;
use serde_json::{Map, Value, json};

use super::model::document::{self, Specification};
use super::node::{Node, answered};
use super::subject::Plugin;
use super::upstream_error;
use crate::replay::oracle::base64;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct StoreFile;

impl Adapter for StoreFile {
    fn run(&self, input: &Input) -> Observed {
        let both = |outcome: StepOutcome| {
            Observed::steps([("read", outcome.clone()), ("info_stats_after", outcome)])
        };
        let Some(plugin) = Plugin::named(input.text("plugin")) else {
            return both(StepOutcome::Refused(Class::Unsupported));
        };
        let keys = input.get("keys").as_array().into_iter().flatten().filter_map(Value::as_str);
        let Ok(keys) = KeyRing::parse(keys) else { return both(StepOutcome::Refused(Class::Invalid)) };
        let Ok(root) = tempfile::tempdir() else { return both(StepOutcome::Refused(Class::Internal)) };
        let folder = root.path().join(plugin.folder);
        if fs::create_dir(&folder).and_then(|()| fs::write(folder.join("s"), input.text("token"))).is_err() {
            return both(StepOutcome::Refused(Class::Internal));
        }
        let store = match plugin.open(root.path(), "s", &keys, None) {
            Ok(store) => store,
            Err(error) => return both(StepOutcome::Refused(Class::of(&error))),
        };
        let refused = |error: StoreError| StepOutcome::Refused(Class::of(&error));
        let read = block_on(read(&*store)).map_or_else(refused, StepOutcome::Ok);
        let info = block_on(store.info()).map_or_else(refused, |info| {
            StepOutcome::Ok(
                json!({ "secret_count": info.secrets.number, "reads": info.reads, "writes": info.writes }),
            )
        });
        Observed::steps([("read", read), ("info_stats_after", info)])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let keys: Vec<_> =
            input.get("keys").as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        // White space around the token is ignored, by upstream too (decision H76).
        let around = ['\t', '\n', '\u{b}', '\u{c}', '\r', ' '];
        let (token, text) = (input.text("token").trim_matches(around), input.text("toml"));
        let ruling = || {
            if keys.iter().any(|key| !base64::is_key(key)) {
                return Some(Ruling::refused("C8", &[Class::Invalid]));
            }
            if !keys.is_empty() && base64::decode_strictly(token.as_bytes()).is_none() {
                return Some(Ruling::refused("C8", &[Class::Corrupt]));
            }
            // The rules below apply only if one of the keys decrypts the token to exactly this text.
            let opens = |key: &&str| {
                fernet::Fernet::new(key)
                    .is_some_and(|key| key.decrypt(token).is_ok_and(|plain| plain == text.as_bytes()))
            };
            keys.iter().find(|key| opens(key))?;
            let problem =
                document::problem(&Specification::named(input.text("plugin")), &Node::from_toml(text)?)?;
            Some(Ruling::refused(problem.decision?, problem.classes))
        };
        vec![ruling(), ruling()]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = |step: &Value| match (step.get("ok"), upstream_error(step)) {
            (Some(value), None) => Ok(UpstreamStep::from(Demand::Exactly(value.clone()))),
            (None, Some(error)) => Ok(Demand::Refused(super::lifecycle::classes_of(error, "list")).into()),
            _ => Err("neither `ok` nor `error`".to_owned()),
        };
        Ok(vec![demand(expected.get("read"))?, demand(expected.get("info_stats_after"))?])
    }
}

/// Lists the names in order, and reads each value with a separate call.
async fn read(store: &dyn SecretStore) -> Result<Value, StoreError> {
    let page = store.list(&ListQuery::all().limit(usize::MAX)).await?;
    let (mut names, mut values) = (Vec::<Value>::new(), Map::new());
    for listed in page.secrets {
        let name = listed.header.address.name.clone();
        let secret = store.get(&SecretAddress::shared(name.clone())).await?;
        names.push(name.as_str().into());
        values.insert(name.as_str().to_owned(), answered(&secret.value));
    }
    Ok(json!({ "names": names, "values": values }))
}
