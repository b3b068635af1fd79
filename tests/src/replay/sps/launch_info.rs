//! Replays the vectors `launch_info`: the arguments that start a remote application.

use keyway_credentials::LaunchInformation;
use serde_json::Value;

use crate::replay::{Adapter, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct LaunchInfo;

/// Returns upstream's list: the program or null, and then the arguments. The list is empty if there is no text.
fn arguments(input: &Input) -> Vec<Value> {
    let Some(text) = input.get("launch_information").as_str() else { return Vec::new() };
    let mut launch = LaunchInformation::new(text);
    launch.host_app = input.get("host_app").as_str().map(str::to_owned);
    let arguments = launch.arguments().into_iter().map(Value::from);
    std::iter::once(launch.host_app.into()).chain(arguments).collect()
}

impl Adapter for LaunchInfo {
    fn run(&self, input: &Input) -> Observed {
        Observed::one("the arguments", StepOutcome::Ok(arguments(input).into()))
    }

    fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
        vec![None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        match expected.get("value") {
            value @ Value::Array(_) => Ok(vec![Demand::Exactly(value.clone()).into()]),
            _ => Err("`value` is not a list".to_owned()),
        }
    }
}
