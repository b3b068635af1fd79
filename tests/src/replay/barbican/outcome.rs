//! Translates the results of plugins and the orders of upstream into the seed's words.

use std::time::Duration;

use keyway_certificates::{CertificateStatus, IssuedCertificate, OrderOutcome, RetryMethod, Waiting};
use serde_json::Value;

use super::script::{self, Answer};
use crate::replay::oracle::barbican::order::{Next, Shape, milliseconds};

/// Reads the answer of a plugin from the input of a vector: its result, its exception, or another value that
/// upstream's plugin returned. The typed interface expresses only the first two.
pub(super) fn answer(input: &Value) -> Answer {
    let raised = input["exception"].as_str().map(|_| input["exception_str"].as_str().unwrap_or_default());
    let answer = match (raised, &input["result"]) {
        (Some(text), _) => Answer::raises(text),
        (None, result) => result_of(result).map_or_else(Answer::raises, Answer::outcome),
    };
    match &input["plugin_meta_written"] {
        Value::Object(writes) if !writes.is_empty() => answer.writing(Value::Object(writes.clone())),
        _ => answer,
    }
}

/// Converts a result of upstream's plugin to the outcome that a plugin of Keyway returns. The error says why this is
/// not possible.
fn result_of(result: &Value) -> Result<OrderOutcome, String> {
    let status: CertificateStatus = match result["status"].as_str().map(str::parse) {
        Some(Ok(status)) => status,
        Some(Err(unknown)) => return Err(unknown.to_string()),
        None => return Err("the result has no status".to_owned()),
    };
    let message = result["status_message"].as_str().unwrap_or_default();
    let mut waiting = Waiting::new(message);
    match milliseconds(result.get("retry_msec")) {
        None => return Err("the delay is not a number".to_owned()),
        Some(delay) => {
            if let Ok(delay @ 1..) = u64::try_from(delay) {
                waiting = waiting.retry_after(Duration::from_millis(delay));
            }
        }
    }
    if let Some(method) = result["retry_method"].as_str().and_then(|name| name.parse::<RetryMethod>().ok()) {
        waiting = waiting.retry_method(method);
    }
    Ok(match status {
        CertificateStatus::WaitingForCa => OrderOutcome::WaitingForCa(waiting),
        CertificateStatus::CaUnavailable => OrderOutcome::CaUnavailable(waiting),
        CertificateStatus::ClientDataIssue => OrderOutcome::ClientDataIssue(waiting),
        CertificateStatus::Canceled => OrderOutcome::Canceled(message.into()),
        CertificateStatus::InvalidOperation => OrderOutcome::InvalidOperation(message.into()),
        CertificateStatus::Generated => {
            let certificate = script::certificate(&result["certificate"])?;
            let certificate = certificate.ok_or("there is no certificate")?;
            let mut issued = IssuedCertificate::new(certificate).with_message(message);
            if let Some(chain) = script::chain(&result["intermediates"])? {
                issued = issued.with_intermediates(chain);
            }
            issued.into()
        }
    })
}

/// Reads upstream's order after a step. Upstream's own words for sub-statuses and tasks are translated.
pub(super) fn shape(order: &Value) -> Result<Shape, String> {
    let status = order["status"].as_str().ok_or("no status")?;
    let sub_status = match order["sub_status"].as_str() {
        None => None,
        Some("cert_request_pending") => Some(CertificateStatus::WaitingForCa),
        Some("cert_generated") => Some(CertificateStatus::Generated),
        Some("cert_ca_unavail_for_issue" | "cert_ca_unavail_for_status_check") => {
            Some(CertificateStatus::CaUnavailable)
        }
        Some(other) => return Err(format!("the sub-status {other}")),
    };
    let next = match order["retry"].as_array().map(Vec::as_slice) {
        Some([]) => None,
        Some([row]) => {
            let method = match row["task"].as_str() {
                Some("check_certificate_status") => "check",
                Some("process_type_order") => "issue",
                _ => return Err("the task".to_owned()),
            };
            Some(Next { method, delay: row["delay_msec"].as_u64().ok_or("no delay")? })
        }
        _ => return Err("not one scheduled task".to_owned()),
    };
    let container = &order["container"];
    let secrets = if container["secrets"].is_object() { &container["secrets"] } else { container };
    // If an order has a stored key, upstream's container may also have that key. The key is not counted as a part here,
    // because the vectors `skflow` compare it separately.
    let parts =
        ["certificate", "intermediates"].into_iter().filter(|part| secrets[part].is_object()).collect();
    Ok(Shape {
        status: status.to_owned(),
        sub_status: sub_status.map(CertificateStatus::as_str),
        next,
        parts,
    })
}

/// Reads upstream's events.
pub(super) fn events(step: &Value) -> Vec<Value> {
    let events = step["events"].as_array().map_or(&[][..], Vec::as_slice);
    let read = |event: &Value| {
        let message = event["error_msg"].as_str().unwrap_or_default();
        serde_json::json!({ "event": "unavailable", "message": message })
    };
    events.iter().map(read).collect()
}
