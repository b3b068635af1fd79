//! Replays the vectors `validate`: the checks of the body of an order.

use keyway_core::ErrorKind;
use keyway_host::orders::{read_body, validate};
use serde_json::{Value, json};

use super::fixture::with_fixtures;
use crate::replay::oracle::barbican::request;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Validate;

impl Adapter for Validate {
    fn run(&self, input: &Input) -> Observed {
        let body = with_fixtures(input.value().clone()).to_string();
        let outcome = match read_body(body.as_bytes()) {
            Err(_) => StepOutcome::Refused(Class::Invalid),
            Ok(metadata) => match validate(&metadata) {
                Ok(_) => StepOutcome::Ok(json!({ "accepted": true })),
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    StepOutcome::Refused(Class::Unsupported)
                }
                Err(_) => StepOutcome::Refused(Class::Invalid),
            },
        };
        Observed::one("the order", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        vec![request::ruling(&with_fixtures(input.value().clone()))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match (expected.get("accepted"), expected.get("raises").as_str()) {
            (Value::Bool(true), None) => Demand::Exactly(json!({ "accepted": true })),
            (Value::Null, Some("FullCMCNotSupported")) => Demand::Refused(&[Class::Unsupported]),
            (Value::Null, Some(_)) => Demand::Refused(&[Class::Invalid]),
            _ => return Err("neither `accepted` nor `raises`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
