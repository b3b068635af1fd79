//! Replays the vectors `metaflow`: the data that a plugin keeps with an order over several calls.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::script::{Answer, Scripted};
use super::stage::{Listener, Stage, run};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct MetaFlow;

/// A call of the plugin: the entries that it writes, and its end.
#[derive(Clone, Debug)]
struct Call {
    writes: Value,
    told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Wait,
    Unavailable,
    Generated,
    Raises,
}

/// Reads a script that is written in words. Each script ends with a check that sees the data, or with an exception.
fn calls(script: &str) -> Vec<Call> {
    let call = |writes: Value, told| Call { writes, told };
    let first = |writes| call(writes, Told::Wait);
    let last = call(Value::Null, Told::Generated);
    let id = json!({ "id": "7" });
    if script.contains("raises") {
        vec![first(id), call(json!({ "id": "8" }), Told::Raises)]
    } else if script.contains("CA_UNAVAILABLE") {
        vec![call(json!({ "t": "1" }), Told::Unavailable), first(Value::Null), last]
    } else if script.contains("emptied") {
        vec![first(json!({ "a": "1", "b": "2" })), first(json!({})), last]
    } else if script.contains("changed") {
        vec![first(id), first(json!({ "id": "8" })), last]
    } else if script.contains("added") {
        vec![first(id), first(json!({ "n": "1" })), last]
    } else if script.contains("int") && !script.contains("into") {
        vec![first(json!({ "id": 7 })), last]
    } else {
        vec![first(id), last]
    }
}

fn answer(call: &Call) -> Answer {
    let answer = match call.told {
        Told::Wait => Answer::waiting(),
        Told::Unavailable => Answer::unavailable(),
        Told::Generated => Answer::generated(false),
        Told::Raises => Answer::raises("x"),
    };
    answer.writing(call.writes.clone())
}

/// Returns the methods that were called, each with the data that it saw.
async fn replay(calls: &[Call]) -> Result<Vec<Value>, Class> {
    let authority = Arc::new(Scripted::new(calls.iter().map(answer)));
    let stage = Stage::new([("a", Arc::clone(&authority))], [Listener::default()]).await?;
    let order = stage.submit(&json!({})).await?;
    for _ in 1..calls.len() {
        stage.next(&order).await?;
    }
    Ok(authority.calls().iter().map(seen).collect())
}

fn seen(call: &Value) -> Value {
    json!({ "method": call["method"], "plugin_meta_in": call["plugin_meta_in"] })
}

/// Returns the data that each call sees: exactly the data after the previous call (decision B9).
fn rule(calls: &[Call]) -> Vec<Value> {
    let (mut data, mut method) = (Map::new(), "issue");
    let mut all = Vec::new();
    for call in calls {
        all.push(json!({ "method": method, "plugin_meta_in": data }));
        match &call.writes {
            Value::Object(writes) if writes.is_empty() => data.clear(),
            Value::Object(writes) => data.extend(writes.clone()),
            _ => {}
        }
        method = if call.told == Told::Unavailable { method } else { "check" };
    }
    all
}

impl Adapter for MetaFlow {
    fn run(&self, input: &Input) -> Observed {
        let outcome = match run(replay(&calls(input.text("script")))) {
            Ok(seen) => StepOutcome::Ok(seen.into()),
            Err(class) => StepOutcome::Refused(class),
        };
        Observed::one("the calls", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let calls = calls(input.text("script"));
        let is_text =
            |writes: &Value| writes.as_object().is_none_or(|all| all.values().all(Value::is_string));
        let is_emptied = |writes: &Value| writes.as_object().is_some_and(Map::is_empty);
        // Upstream only keeps texts that were added or changed.
        let is_upstreams = calls.iter().all(|call| is_text(&call.writes) && !is_emptied(&call.writes));
        vec![(!is_upstreams).then(|| Ruling::new("B9", Demand::Exactly(rule(&calls).into())))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let calls = expected.get("plugin_calls").as_array().ok_or("no `plugin_calls`")?;
        Ok(vec![Demand::Exactly(calls.iter().map(seen).collect()).into()])
    }
}
