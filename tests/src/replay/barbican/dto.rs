//! Replays the vectors `dto`: the values that upstream's host and plugins exchange, and upstream's constants.
//!
//! The replay sees the delay in a result as the time of the next call for the order.

use std::sync::Arc;

use keyway_certificates::{
    CaId, CertificateStatus, IssuedCertificate, Pem, RequestContext, RequestType, RetryMethod,
};
use serde_json::{Value, json};

use super::outcome;
use super::script::Scripted;
use super::stage::{Stage, run};
use crate::replay::oracle::barbican::order::{DEFAULT, Next, Shape, after, milliseconds};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Dto;

const WAITING: &str = "waiting for CA";
const UPDATE: &str = "_update_result_follow_on";
const SAME_TASK: &str = "Invoke Same Task Again Later";

/// The value that a vector makes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    /// The certificate of a result.
    Certificate,
    /// The result of a call, with its delay.
    Result,
    /// The follow-on of an order that has ended: no further call.
    NoFollowOn,
    /// The follow-on of a call, by its name.
    FollowOn,
    /// The values that a plugin gets.
    Context,
    Constants,
}

/// Reads which value a vector makes. The vector names upstream's class in words beside the input.
fn made(input: &Input) -> Option<Made> {
    Some(match input.situation() {
        "ResultDTO" if input.value().get("certificate").is_some() => Made::Certificate,
        "ResultDTO" | UPDATE => Made::Result,
        "FollowOnProcessingStatusDTO" if input.value().get("retry_task").is_some() => Made::FollowOn,
        "FollowOnProcessingStatusDTO" | "_update_result_follow_on with defaults" => Made::NoFollowOn,
        "BarbicanMetaDTO / CACreateDTO defaults" => Made::Context,
        "constants" => Made::Constants,
        _ => return None,
    })
}

/// Returns the plugin's result that the vector describes.
fn result(input: &Input) -> Value {
    // A plugin does not return this follow-on: the host makes it when an order ends. So the result ends the order.
    if made(input) == Some(Made::NoFollowOn) {
        return json!({ "result": { "status": "request canceled" } });
    }
    let mut result = json!({ "status": WAITING });
    // Upstream's follow-on treats null as 0.
    let is_follow_on = input.situation() == UPDATE;
    match input.value().get("retry_msec") {
        Some(Value::Null) if is_follow_on => result["retry_msec"] = 0.into(),
        Some(delay) => result["retry_msec"] = delay.clone(),
        None => {}
    }
    json!({ "result": result })
}

async fn order(input: &Input) -> Result<Value, Class> {
    let authority = Scripted::new([outcome::answer(&result(input))]);
    let stage = Stage::new([("a", Arc::new(authority))], []).await?;
    let order = stage.submit(&json!({})).await?;
    Ok(stage.view(&order).await?.order)
}

fn certificate(input: &Input) -> Result<Value, Class> {
    let pem = |key| Pem::new(input.text(key)).map_err(|_| Class::Invalid);
    let issued = IssuedCertificate::new(pem("certificate")?).with_intermediates(pem("intermediates")?);
    let chain = issued.intermediates.as_ref().map(Pem::as_str);
    Ok(json!({ "certificate": issued.certificate.as_str(), "intermediates": chain }))
}

/// Accepts a follow-on whose task is known, and refuses any other.
fn follow_on(input: &Input) -> Result<Value, Class> {
    let task = input.text("retry_task");
    let is_known = task == SAME_TASK || task.parse::<RetryMethod>().is_ok();
    if is_known { Ok(true.into()) } else { Err(Class::Invalid) }
}

fn constants() -> Value {
    let mut statuses: Vec<&str> = CertificateStatus::ALL.iter().map(|status| status.as_str()).collect();
    let mut types: Vec<&str> = RequestType::KNOWN.iter().map(RequestType::as_str).collect();
    statuses.sort_unstable();
    types.sort_unstable();
    json!({ "status": statuses, "request_type": types })
}

impl Adapter for Dto {
    fn run(&self, input: &Input) -> Observed {
        let value = match made(input) {
            None => Err(Class::Invalid),
            Some(Made::Certificate) => certificate(input),
            Some(Made::Result | Made::NoFollowOn) => run(order(input)),
            Some(Made::FollowOn) => follow_on(input),
            Some(Made::Context) => {
                let context = RequestContext::new();
                Ok(json!({
                    "plugin_ca_id": context.ca.as_ref().map(CaId::as_str),
                    "generated_csr": context.generated_csr.as_ref().map(Pem::as_str),
                }))
            }
            Some(Made::Constants) => Ok(constants()),
        };
        Observed::one("the value", value.map_or_else(StepOutcome::Refused, StepOutcome::Ok))
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        vec![match made(input) {
            Some(Made::Result | Made::NoFollowOn) => {
                let [order, ..] = after("issue", &result(input)).rulings();
                order
            }
            Some(Made::FollowOn) => {
                let is_known = input.get("retry_task") == SAME_TASK;
                (!is_known).then(|| Ruling::refused("B7", &[Class::Invalid]))
            }
            _ => None,
        }]
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let is_raised = expected.get("raises").is_string();
        let sorted = |group: &str| {
            let mut all: Vec<&str> = expected
                .get(group)
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(_, text)| text.as_str())
                .collect();
            all.sort_unstable();
            json!(all)
        };
        let shape = |delay: u64| {
            let next = Some(Next { method: "check", delay });
            Shape { status: "PENDING".to_owned(), sub_status: Some(WAITING), next, parts: Vec::new() }
                .demand()
        };
        let demand = match made(input).ok_or("no such value")? {
            // If a plugin raises an exception, upstream's host fails the order.
            Made::Result if is_raised => {
                Demand::answer("an order that failed", |order| order["status"] == "ERROR")
            }
            Made::Result => {
                match expected.value().get("retry_msec").and_then(|delay| milliseconds(Some(delay))) {
                    Some(delay) => shape(u64::try_from(delay).unwrap_or(DEFAULT)),
                    None => return Err("no `retry_msec`".to_owned()),
                }
            }
            Made::Certificate => Demand::Exactly(json!({
                "certificate": expected.get("certificate"),
                "intermediates": expected.get("intermediates"),
            })),
            Made::NoFollowOn => {
                let is_over = *expected.get("follow_on_needed") != true;
                Demand::answer("an order without a next call", move |order| {
                    is_over == order["next"].is_null()
                })
            }
            Made::FollowOn => Demand::Exactly(expected.get("follow_on_needed").clone()),
            Made::Context => Demand::Exactly(expected.get("meta").clone()),
            Made::Constants => {
                Demand::Exactly(json!({ "status": sorted("status"), "request_type": sorted("request_type") }))
            }
        };
        Ok(vec![demand.into()])
    }
}
