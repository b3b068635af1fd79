//! Replays the vectors `event`: the events of orders, and the listeners that are notified of them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::script::{Answer, Scripted};
use super::stage::{Listener, Stage, run};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Event;

/// Tells whether the event is that a certificate is ready. If not, the event is that an authority is unavailable.
fn is_ready(input: &Input) -> bool {
    input.text("call") == "notify_certificate_is_ready"
}

/// Returns the listeners that could be constructed.
fn listeners(input: &Input) -> Vec<Listener> {
    let plugins = input.get("plugins").as_array().map_or(&[][..], Vec::as_slice);
    let listener = |plugin: &Value| {
        let name = plugin["name"].as_str()?.to_owned();
        Some(Listener {
            name: Some(name),
            fails: plugin["raises"].as_i64().is_some_and(|raises| raises != 0),
        })
    };
    plugins.iter().filter_map(listener).collect()
}

/// Returns the listeners that were notified, and whether the order continued.
async fn replay(input: &Input) -> Result<(Vec<Value>, bool), Class> {
    let answer = if is_ready(input) { Answer::generated(false) } else { Answer::unavailable() };
    let stage = Stage::new([("a", Arc::new(Scripted::new([answer])))], listeners(input)).await?;
    let order = stage.submit(&json!({})).await?;
    let view = stage.view(&order).await?;
    let status = if is_ready(input) { "ACTIVE" } else { "PENDING" };
    Ok((view.events, view.order["status"] == status))
}

impl Adapter for Event {
    fn run(&self, input: &Input) -> Observed {
        match run(replay(input)) {
            Ok((told, goes_on)) => {
                let order = if goes_on { StepOutcome::done() } else { StepOutcome::Refused(Class::Internal) };
                Observed::steps([("the listeners", StepOutcome::Ok(told.into())), ("the order", order)])
            }
            Err(class) => Observed::one("the listeners", StepOutcome::Refused(class)),
        }
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let (event, decision) = if is_ready(input) { ("ready", "B13") } else { ("unavailable", "B3") };
        let told: Vec<Value> =
            listeners(input).into_iter().map(|listener| json!([listener.name, event])).collect();
        [Demand::Exactly(told.into()), Demand::done()]
            .into_iter()
            .map(|demand| Some(Ruling::new(decision, demand)))
            .collect()
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let order = match (expected.value().get("returned"), expected.get("raises")) {
            (Some(Value::Null), _) => Demand::done(),
            (_, Value::String(_)) => Demand::AnyRefusal,
            _ => return Err("neither `returned` nor `raises`".to_owned()),
        };
        Ok(vec![Demand::Exactly(expected.get("called").clone()).into(), order.into()])
    }
}
