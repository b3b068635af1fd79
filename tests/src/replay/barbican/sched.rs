//! Replays the vectors `sched`: the next call of a plugin, scheduled after its answer.
//!
//! Upstream's worker turns a result into a row for one of two tasks. In the replay, a plugin gives the same result as
//! its answer.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{OrderOutcome, Waiting};
use serde_json::{Value, json};

use super::script::{Answer, Scripted};
use super::stage::{Stage, run};
use crate::replay::oracle::barbican::order::{DEFAULT, Next, Shape, milliseconds};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Sched;

/// Returns what follows from the result: the sub-status of the order, and the method that is called next. Returns
/// `None` if upstream has nothing to schedule: no order, no result, an unknown task, or no task to invoke again. The
/// typed interface cannot express these cases.
fn meant(input: &Input) -> Option<(&'static str, &'static str)> {
    input.get("kwargs")["order_id"].as_str()?;
    match input.get("result")["retry_task"].as_str()? {
        "Invoke Same Task Again Later" if input.get("invoked").is_string() => {
            Some(("CA unavailable for request", "issue"))
        }
        "Check Certificate Status Later" => Some(("waiting for CA", "check")),
        _ => None,
    }
}

fn delay(input: &Input) -> u64 {
    let delay = input.get("result").get("retry_msec").and_then(|delay| milliseconds(Some(delay)));
    delay.and_then(|delay| u64::try_from(delay).ok()).unwrap_or_default()
}

async fn replay(input: &Input) -> Result<Value, Class> {
    let Some((_, method)) = meant(input) else { return Ok(Value::Null) };
    let waiting = Waiting::new("").retry_after(Duration::from_millis(delay(input)));
    let outcome = match method {
        "issue" => OrderOutcome::CaUnavailable(waiting),
        _ => OrderOutcome::WaitingForCa(waiting),
    };
    let authority = Arc::new(Scripted::new([Answer::outcome(outcome)]));
    let stage = Stage::new([("a", authority)], []).await?;
    let order = stage.submit(&json!({})).await?;
    Ok(stage.view(&order).await?.order)
}

fn shape(input: &Input, delay: u64) -> Option<Demand> {
    let (sub_status, method) = meant(input)?;
    let next = Some(Next { method, delay });
    let shape = Shape { status: "PENDING".to_owned(), sub_status: Some(sub_status), next, parts: Vec::new() };
    Some(shape.demand())
}

impl Adapter for Sched {
    fn is_out_of_scope(&self, input: &Input) -> bool {
        meant(input).is_none()
    }

    fn run(&self, input: &Input) -> Observed {
        let outcome = match run(replay(input)) {
            Ok(order) => StepOutcome::Ok(order),
            Err(class) => StepOutcome::Refused(class),
        };
        Observed::one("the next call", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        // If the result has no positive delay, Keyway uses the seed's default.
        let delay = delay(input);
        let ruling = if delay == 0 { shape(input, DEFAULT) } else { shape(input, delay) };
        vec![ruling.map(|demand| Ruling::new("B7", demand))]
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match expected.get("rows").as_array().map(Vec::as_slice) {
            Some([row]) => {
                shape(input, row["delay_msec"].as_u64().ok_or("no delay")?).ok_or("a row without a task")?
            }
            _ => return Err("not one row".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
