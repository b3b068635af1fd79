//! Replays the vectors `base64`: the texts that a plugin decodes.

use keyway_issuers::wire::{Alphabet, base64};
use serde_json::{Value, json};

use crate::replay::oracle::watts::base64 as oracle;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Base64;

impl Adapter for Base64 {
    fn run(&self, input: &Input) -> Observed {
        let outcome = match base64::decode(input.text("s").as_bytes()) {
            Ok(bytes) => StepOutcome::Ok(json!(base64::encode(&bytes, Alphabet::Standard).expose())),
            Err(_) => StepOutcome::Refused(Class::Invalid),
        };
        Observed::one("the bytes", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let text = input.text("s");
        if oracle::is_plain(text) {
            return vec![None];
        }
        // The four existing libraries disagree on texts in other forms, so decision W1 rules on those texts.
        vec![Some(match oracle::decode(text) {
            Some(bytes) => Ruling::new(
                "W1",
                Demand::answer(format!("{} bytes", bytes.len()), move |told| {
                    told.as_str().and_then(oracle::decode).as_ref() == Some(&bytes)
                }),
            ),
            None => Ruling::refused("W1", &[Class::Invalid]),
        })]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let host = expected.get("host_lib");
        let demand = match (&host["bytes_b64"], &host["error"]) {
            (text @ Value::String(_), Value::Null) => Demand::Exactly(text.clone()),
            (Value::Null, Value::String(_)) => Demand::Refused(&[Class::Invalid]),
            _ => return Err("no `host_lib`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
