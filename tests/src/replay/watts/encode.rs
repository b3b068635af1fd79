//! Replays the vectors `encode`: the bytes of a JSON value on the wire.

use keyway_core::Integer;
use keyway_issuers::Json;
use keyway_issuers::wire::{Alphabet, base64};
use serde_json::{Value, json};

use crate::replay::{Adapter, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Encode;

/// Converts the value, including integers that `serde_json` cannot represent.
pub(super) fn json_of(value: &Value) -> Json {
    match value {
        Value::Object(entries) => {
            let digits = entries.get("$integer").and_then(Value::as_str).filter(|_| entries.len() == 1);
            match digits.and_then(Integer::parse) {
                Some(integer) => Json::Integer(integer),
                None => {
                    Json::Object(entries.iter().map(|(name, value)| (name.clone(), json_of(value))).collect())
                }
            }
        }
        Value::Array(items) => Json::Array(items.iter().map(json_of).collect()),
        other => other.clone().into(),
    }
}

impl Adapter for Encode {
    fn run(&self, input: &Input) -> Observed {
        let json = json_of(input.get("value")).to_ascii();
        let text = base64::encode(json.as_bytes(), Alphabet::UrlSafe);
        Observed::one("the bytes", StepOutcome::Ok(json!({ "json": *json, "b64url": text.expose() })))
    }

    fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
        vec![None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let host = expected.get("host");
        if !host["json"].is_string() {
            return Err("no `json`".to_owned());
        }
        Ok(vec![Demand::Exactly(json!({ "json": host["json"], "b64url": host["b64url"] })).into()])
    }
}
