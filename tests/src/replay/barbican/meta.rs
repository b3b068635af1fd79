//! Replays the vectors `meta`: the values that a plugin keeps with an order.

use serde_json::Value;

use super::stage::{View, run};
use super::{outcome, state};
use crate::replay::{Adapter, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Meta;

fn written(input: &Input) -> Value {
    let written = input.get("plugin_meta_written").as_object().cloned().unwrap_or_default();
    // An order that ended has no next call in which the data could be seen.
    if state::expected_after(input.value()).shape.next.is_some() { written.into() } else { Value::Null }
}

impl Adapter for Meta {
    fn run(&self, input: &Input) -> Observed {
        match run(state::replay(input.value())) {
            Ok((View { order, .. }, seen)) => Observed::steps([
                ("the order", StepOutcome::Ok(order)),
                ("the plugin's data", StepOutcome::Ok(seen)),
            ]),
            Err(class) => Observed::one("the order", StepOutcome::Refused(class)),
        }
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let written = written(input);
        let is_text =
            |written: &Value| written.as_object().is_some_and(|all| all.values().all(Value::is_string));
        // Upstream keeps only texts, and fails for a value that it cannot turn into a text.
        let order = (!is_text(&written))
            .then(|| Ruling::new("B9", state::expected_after(input.value()).shape.demand()));
        let data = (!is_text(&written)).then(|| Ruling::new("B9", Demand::Exactly(written)));
        vec![order, data]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let order = expected.get("order");
        let shape = match outcome::shape(order) {
            Ok(shape) => shape.demand(),
            Err(reason) => return Err(reason),
        };
        Ok(vec![shape.into(), Demand::Exactly(order["plugin_meta_rows"].clone()).into()])
    }
}
