//! Replays the vectors `flow`: an order whose plugin gives several answers, one after the other.

use std::sync::Arc;

use serde_json::{Value, json};

use super::outcome;
use super::script::{Answer, Scripted};
use super::stage::{Listener, Stage, run};
use crate::replay::oracle::barbican::flow::{self, Told};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Flow;

/// Reads a sequence of answers that is written in words.
fn told(input: &Input) -> Vec<Told> {
    flow::sequence(input.text("sequence"))
}

fn answer(told: Told) -> Answer {
    use keyway_certificates::{OrderOutcome, Waiting};
    match told {
        Told::Wait => Answer::waiting(),
        Told::Unavailable => Answer::unavailable(),
        Told::Generated => Answer::generated(true),
        Told::DataIssue => Answer::outcome(OrderOutcome::ClientDataIssue(Waiting::new(""))),
        Told::Canceled => Answer::outcome(OrderOutcome::Canceled("".into())),
        Told::Invalid => Answer::outcome(OrderOutcome::InvalidOperation("".into())),
    }
}

/// Returns the order and the events after each call, and the methods that were called.
async fn replay(input: &Input) -> Result<(Vec<Value>, Vec<Value>, Vec<Value>), Class> {
    let told = told(input);
    let authority = Arc::new(Scripted::new(told.iter().copied().map(answer)));
    let stage = Stage::new([("a", Arc::clone(&authority))], [Listener::default()]).await?;
    let mut metadata = json!({});
    if input.text("request_type") == "stored-key" {
        metadata =
            json!({ "request_type": "stored-key", "container_ref": "vault/key", "subject_dn": "CN=a" });
    }
    let order = stage.submit(&metadata).await?;
    let (mut orders, mut events) = (Vec::new(), Vec::new());
    for _ in &told {
        let view = stage.view(&order).await?;
        orders.push(view.order);
        events.push(view.events.into());
        if orders.len() == told.len() || !stage.next(&order).await? {
            break;
        }
    }
    let methods = authority.calls().iter().map(|call| call["method"].clone()).collect();
    Ok((orders, events, methods))
}

impl Adapter for Flow {
    fn run(&self, input: &Input) -> Observed {
        match run(replay(input)) {
            Ok((orders, events, methods)) => {
                let orders = orders.into_iter().map(|order| ("the order", StepOutcome::Ok(order)));
                let events = events.into_iter().map(|events| ("the events", StepOutcome::Ok(events)));
                Observed::steps(orders.chain(events).chain([("the calls", StepOutcome::Ok(methods.into()))]))
            }
            Err(class) => Observed::one("the order", StepOutcome::Refused(class)),
        }
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        flow::rulings(&told(input))
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let steps = expected.get("steps").as_array().ok_or("no `steps`")?;
        let methods = expected.get("plugin_calls").as_array().ok_or("no `plugin_calls`")?;
        let methods: Vec<Value> = methods.iter().map(|call| call["method"].clone()).collect();
        let ours = flow::length(&told(input));
        // Upstream may have fewer or more steps than Keyway. A step that upstream does not have gets no demand, and
        // further steps of upstream are ignored.
        let nothing = || std::iter::repeat_with(|| Demand::Nothing);
        let orders = steps.iter().map(|step| Ok(outcome::shape(step)?.demand()));
        let orders: Vec<Demand> = orders.collect::<Result<_, String>>()?;
        let events = steps.iter().map(|step| Demand::Exactly(outcome::events(step).into()));
        let all = orders.into_iter().chain(nothing()).take(ours);
        let all = all.chain(events.chain(nothing()).take(ours)).chain([Demand::Exactly(methods.into())]);
        Ok(all.map(UpstreamStep::from).collect())
    }
}
