//! Replays the vectors `update`: changes of an order, orders of other types, and two passes over the same order.

use std::sync::Arc;

use keyway_certificates::OrderId;
use keyway_host::orders::read_body;
use serde_json::{Value, json};

use super::script::{Answer, Scripted};
use super::stage::{Stage, run};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Update;

/// The scene that a vector describes.
enum Scene<'a> {
    /// A client changes an order that waits.
    Modified(&'a Value),
    /// An order has a type other than `certificate`.
    OtherType(&'a str),
    /// A plugin tries to change the metadata that it gets.
    Added(&'a Value),
    /// Two passes take up the due work of one order.
    Twice,
    /// An order is new, and no authority has it yet.
    New,
    /// The authority of an order that waits is not configured any more.
    Removed,
    /// An authority refuses a change, and the next check is past.
    ChangeRefused,
    /// A situation that this adapter does not know.
    Unknown,
}

impl<'a> Scene<'a> {
    fn of(input: &'a Input) -> Self {
        match (input.get("order_type").as_str(), input.value().get("order_meta")) {
            (Some("certificate"), _) => Self::Modified(input.get("updated_meta")),
            (Some(other), _) => Self::OtherType(other),
            (None, Some(meta @ Value::Object(_))) => Self::Added(meta),
            (None, _) => match input.situation() {
                text if text.starts_with("check before issue") => Self::New,
                text if text.starts_with("plugin was removed") => Self::Removed,
                text if text.starts_with("process_type_order run twice") => Self::Twice,
                text if text.starts_with("modify kills the order") => Self::ChangeRefused,
                _ => Self::Unknown,
            },
        }
    }
}

fn metadata(of: &Value) -> Value {
    if of.is_object() { of.clone() } else { json!({}) }
}

async fn modified(updated: &Value) -> Result<Value, Class> {
    let authority = Arc::new(Scripted::new([]));
    let stage = Stage::new([("a", Arc::clone(&authority))], []).await?;
    let order = stage.submit(&json!({})).await?;
    stage.modify(&order, &metadata(updated)).await?;
    let view = stage.view(&order).await?;
    let metadata: serde_json::Map<String, Value> = stage
        .order(&order)
        .await?
        .metadata()
        .values()
        .iter()
        .map(|(name, value)| (name.clone(), value.to_serde()))
        .collect();
    let calls: Vec<Value> = authority.calls().iter().map(|call| call["method"].clone()).collect();
    Ok(json!({ "status": view.order["status"], "order_meta": metadata, "calls": calls }))
}

/// Runs two passes over the same due order at the same time.
async fn twice() -> Result<Value, Class> {
    let authority = Arc::new(Scripted::new([Answer::waiting()]));
    let stage = Stage::new([("a", Arc::clone(&authority))], []).await?;
    let order = stage.place(&json!({})).await?;
    let (one, other) = tokio::join!(stage.work(), stage.work());
    one.and(other)?;
    let view = stage.view(&order).await?;
    Ok(json!({
        "status": view.order["status"],
        "calls": authority.calls().len(),
        "scheduled": usize::from(view.order["next"].is_object()),
    }))
}

/// Describes an order after a scene, with the methods that its authority was asked for.
async fn described(stage: &Stage, order: &OrderId, authority: &Scripted) -> Result<Value, Class> {
    let methods: Vec<Value> = authority.calls().iter().map(|call| call["method"].clone()).collect();
    Ok(json!({ "status": stage.view(order).await?.order["status"], "calls": methods }))
}

/// Runs the first pass over an order.
async fn new() -> Result<Value, Class> {
    let authority = Arc::new(Scripted::new([Answer::waiting()]));
    let stage = Stage::new([("a", Arc::clone(&authority))], []).await?;
    let order = stage.submit(&json!({})).await?;
    described(&stage, &order, &authority).await
}

/// Continues an order that waits in a host without its authority, after the next check is due.
async fn removed() -> Result<Value, Class> {
    let authority = Arc::new(Scripted::new([Answer::waiting()]));
    let stage = Stage::new([("a", Arc::clone(&authority))], []).await?;
    let order = stage.submit(&json!({})).await?;
    let stage = stage.without_authorities().await?;
    stage.next(&order).await?;
    described(&stage, &order, &authority).await
}

/// Lets an authority refuse a change, and then lets the time of the next check pass.
async fn change_refused() -> Result<Value, Class> {
    let authority = Arc::new(Scripted::new([Answer::waiting(), Answer::raises("no")]));
    let stage = Stage::new([("a", Arc::clone(&authority))], []).await?;
    let order = stage.submit(&json!({})).await?;
    let check = stage.order(&order).await?.state.scheduled.ok_or(Class::Internal)?;
    stage.modify(&order, &json!({})).await?;
    stage.set(check.at);
    stage.work().await?;
    described(&stage, &order, &authority).await
}

/// Places an order with this metadata. Returns the metadata that the order then has.
async fn added(meta: &Value) -> Result<Value, Class> {
    let stage = Stage::new([("a", Arc::new(Scripted::new([])))], []).await?;
    let order = stage.submit(meta).await?;
    let order = stage.order(&order).await?;
    Ok(order.metadata().values().iter().map(|(name, value)| (name.clone(), value.to_serde())).collect())
}

impl Adapter for Update {
    fn run(&self, input: &Input) -> Observed {
        let outcome = match Scene::of(input) {
            Scene::Modified(updated) => run(modified(updated)),
            Scene::Added(meta) => run(added(meta)),
            Scene::Twice => run(twice()),
            Scene::New => run(new()),
            Scene::Removed => run(removed()),
            Scene::ChangeRefused => run(change_refused()),
            Scene::Unknown => Err(Class::Internal),
            Scene::OtherType(order_type) => {
                let body = json!({ "type": order_type, "meta": {} }).to_string();
                read_body(body.as_bytes()).map(|_| Value::Null).map_err(|_| Class::Invalid)
            }
        };
        Observed::one("the order", outcome.map_or_else(StepOutcome::Refused, StepOutcome::Ok))
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let exactly = |decision, value| Some(Ruling::new(decision, Demand::Exactly(value)));
        vec![match Scene::of(input) {
            Scene::Modified(updated) => exactly(
                "B8",
                json!({ "status": "PENDING", "order_meta": metadata(updated), "calls": ["issue", "modify"] }),
            ),
            Scene::OtherType(_) => Some(Ruling::refused("B20", &[Class::Invalid])),
            Scene::Twice => exactly("B8", json!({ "status": "PENDING", "calls": 1, "scheduled": 1 })),
            Scene::New | Scene::Removed => exactly("B8", json!({ "status": "PENDING", "calls": ["issue"] })),
            Scene::ChangeRefused => exactly("B8", json!({ "status": "ERROR", "calls": ["issue", "modify"] })),
            Scene::Added(_) | Scene::Unknown => None,
        }]
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let fails = |order: &Value| order["status"] == "ERROR";
        let demand = match Scene::of(input) {
            Scene::Unknown => return Err(format!("unknown situation: {}", input.situation())),
            Scene::Added(_) if expected.value().is_object() => Demand::Exactly(expected.value().clone()),
            // The expected value is one state of the order or a list of states. For a list, the first state is checked.
            _ if [expected.get("order"), expected.value(), &expected.value()[0]].into_iter().any(fails) => {
                Demand::AnyRefusal
            }
            Scene::OtherType(_) if expected.get("status").is_string() => {
                Demand::Exactly(json!({ "status": expected.get("status") }))
            }
            Scene::Twice => match (expected.get("calls"), expected.get("rows")) {
                (Value::Array(calls), rows @ Value::Number(_)) => Demand::Exactly(
                    json!({ "status": expected.get("status"), "calls": calls.len(), "scheduled": rows }),
                ),
                _ => return Err("no `calls` and `rows`".to_owned()),
            },
            _ => return Err("no order".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
