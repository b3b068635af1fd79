//! Replays the vectors `connection_alias`: the older names of the facts about a connection.

use serde_json::{Value, json};

use super::connection::connection;
use crate::replay::{Adapter, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Alias;

impl Adapter for Alias {
    fn run(&self, input: &Input) -> Observed {
        let outcome = match connection(input.get("connection")) {
            Ok(connection) => StepOutcome::Ok(json!({
                "gateway_user": connection.gateway_user(),
                "target_domain": connection.target_domain(),
                "target_host": connection.target_host(),
                "target_ip": connection.target_host(),
                "target_port": connection.target_port(),
                "target_server": connection.target_host(),
                "target_username": connection.target_username(),
            })),
            Err(class) => StepOutcome::Refused(class),
        };
        Observed::one("the older names", outcome)
    }

    fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
        vec![None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        match expected.value() {
            value @ Value::Object(_) => Ok(vec![Demand::Exactly(value.clone()).into()]),
            _ => Err("not an object".to_owned()),
        }
    }
}
