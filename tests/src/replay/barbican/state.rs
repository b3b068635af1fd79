//! Replays the vectors `state`: an order after one answer of its plugin.

use std::sync::Arc;

use serde_json::{Value, json};

use super::outcome;
use super::script::{Answer, Scripted};
use super::stage::{Listener, Stage, View, run};
use crate::replay::oracle::barbican::order::{After, after};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct State;

/// Returns the call that gets the answer: `issue` places the order, and `check` checks it.
fn method(input: &Value) -> &'static str {
    if input["method"] == "check_certificate_status" { "check" } else { "issue" }
}

/// Returns the data that the plugin writes. Returns `None` if it writes none, and also if the order has no next call,
/// because only a next call shows the data.
fn written(input: &Value) -> Option<Value> {
    let written = input["plugin_meta_written"].as_object().filter(|written| !written.is_empty())?;
    expected_after(input).shape.next.is_some().then(|| written.clone().into())
}

pub(super) fn expected_after(input: &Value) -> After {
    after(method(input), input)
}

/// Returns the order after the answer, and the data of the plugin at the next call.
pub(super) async fn replay(input: &Value) -> Result<(View, Value), Class> {
    let mut answers = vec![outcome::answer(input)];
    if method(input) == "check" {
        answers.insert(0, Answer::waiting());
    }
    let authority = Arc::new(Scripted::new(answers));
    let listener = Listener { fails: input["event_plugin"].is_string(), ..Listener::default() };
    let stage = Stage::new([("a", Arc::clone(&authority))], [listener]).await?;
    let order = stage.submit(&json!({})).await?;
    if method(input) == "check" {
        stage.next(&order).await?;
    }
    let view = stage.view(&order).await?;
    let seen = if stage.next(&order).await? {
        authority.calls().pop().map_or(Value::Null, |call| call["plugin_meta_in"].clone())
    } else {
        Value::Null
    };
    Ok((view, seen))
}

impl Adapter for State {
    fn run(&self, input: &Input) -> Observed {
        let written = written(input.value());
        match run(replay(input.value())) {
            Ok((View { order, message, events }, seen)) => {
                let mut steps = vec![
                    ("the order", StepOutcome::Ok(order)),
                    ("its message", StepOutcome::Ok(message.into())),
                    ("the events", StepOutcome::Ok(events.into())),
                ];
                steps.extend(written.map(|_| ("the plugin's data", StepOutcome::Ok(seen))));
                Observed::steps(steps)
            }
            Err(class) => Observed::one("the order", StepOutcome::Refused(class)),
        }
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let data = written(input.value()).map(|data| Some(Ruling::new("B9", Demand::Exactly(data))));
        expected_after(input.value()).rulings().into_iter().chain(data).collect()
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let order = expected.get("order");
        let data = written(input.value()).map(|_| Demand::Exactly(order["plugin_meta_rows"].clone()));
        let steps = [
            outcome::shape(order)?.demand(),
            Demand::Nothing,
            Demand::Exactly(outcome::events(order).into()),
        ];
        Ok(steps.into_iter().chain(data).map(UpstreamStep::from).collect())
    }
}
