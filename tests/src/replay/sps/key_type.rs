//! Replays the vectors `key_type`: the type of a private key.

use keyway_core::PluginError as _;
use keyway_credentials::{CredentialError, KeyFacts};
use serde_json::Value;

use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Type;

impl Adapter for Type {
    fn run(&self, input: &Input) -> Observed {
        let outcome = match KeyFacts::read(input.text("key")) {
            Ok(facts) => StepOutcome::Ok(facts.ssh_name().into()),
            Err(error) => StepOutcome::Refused(Class::of_kind(CredentialError::from(error).kind())),
        };
        Observed::one("the type", outcome)
    }

    /// Demands that a key is refused if only its first line is given, because the type is read from the whole key.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let is_line = input.text("key").trim().lines().count() <= 1;
        vec![is_line.then(|| Ruling::refused("S7", &[Class::Corrupt]))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match expected.get("value") {
            name @ Value::String(_) => Demand::Exactly(name.clone()),
            Value::Null => Demand::AnyRefusal,
            _ => return Err("`value` is neither a text nor null".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
