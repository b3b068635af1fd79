//! The state of an order after its plugin answered.
//!
//! Jitter can only make a delay longer. See decisions B1 to B7.

use serde_json::{Value, json};

use super::placeholder::{self, Given};
use crate::replay::{Demand, Ruling};

/// The default delay in milliseconds, which is the default of the seed's `ResultDTO`.
pub const DEFAULT: u64 = 3_600_000;
/// The shortest delay after a failure, in milliseconds. A host does not call the plugin sooner.
const SHORTEST: u64 = 10_000;

/// The state of an order between two passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// `PENDING`, `ACTIVE` or `ERROR`.
    pub status: String,
    /// One of the six statuses of plugins.
    pub sub_status: Option<&'static str>,
    /// The next call.
    pub next: Option<Next>,
    /// The parts of the container.
    pub parts: Vec<&'static str>,
}

/// The next call of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The method.
    pub method: &'static str,
    /// The delay in milliseconds, without jitter.
    pub delay: u64,
}

impl Shape {
    /// Returns the demand for an order of this shape.
    pub fn demand(self) -> Demand {
        let what = format!("{self:?}");
        Demand::answer(what, move |order| {
            let has_next = match (&self.next, &order["next"]) {
                (None, Value::Null) => true,
                (Some(Next { method, delay }), next) => {
                    let most = delay.max(&SHORTEST) * 3 / 2;
                    next["method"] == *method
                        && next["delay"].as_u64().is_some_and(|found| (*delay..=most).contains(&found))
                }
                _ => false,
            };
            has_next
                && order["status"] == self.status.as_str()
                && order["sub_status"] == json!(self.sub_status)
                && order["parts"] == json!(self.parts)
        })
    }
}

/// Reads a delay as Python's `int` does. Returns `None` for a value that is not a number, and the default for a missing
/// delay.
pub fn milliseconds(delay: Option<&Value>) -> Option<i64> {
    match delay {
        None => i64::try_from(DEFAULT).ok(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Bool(truth)) => Some(i64::from(*truth)),
        #[expect(clippy::cast_possible_truncation, reason = "that is what `int` does")]
        Some(Value::Number(number)) => number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)),
        Some(_) => None,
    }
}

/// The demands on an order after one answer.
#[derive(Debug)]
pub struct After {
    /// The order.
    pub shape: Shape,
    /// The message, or `None` if the host has a message of its own.
    pub message: Option<String>,
    /// The events.
    pub events: Vec<Value>,
    /// The decision.
    pub decision: &'static str,
    /// Whether upstream behaves the same.
    pub is_upstreams: bool,
}

const GENERATED: &str = "certificate generated";
const WAITING: &str = "waiting for CA";
const UNAVAILABLE: &str = "CA unavailable for request";
const INVALID: &str = "invalid operation";

/// Computes the state of an order after `method` had the answer in `input`.
pub fn after(method: &'static str, input: &Value) -> After {
    let result = &input["result"];
    let status = result["status"].as_str().filter(|_| !input["exception"].is_string());
    let delay = milliseconds(result.get("retry_msec"));
    let message = shown(result["status_message"].as_str().unwrap_or_default());
    let failed = |message| After {
        shape: Shape { status: "ERROR".to_owned(), sub_status: Some(INVALID), next: None, parts: Vec::new() },
        message,
        events: Vec::new(),
        decision: "B6",
        is_upstreams: false,
    };
    let Some(delay) = delay else { return failed(None) };
    // A delay of zero or less means the default.
    let is_default = delay <= 0;
    let delay = u64::try_from(delay).ok().filter(|delay| *delay > 0).unwrap_or(DEFAULT);
    let wanted = result["retry_method"].as_str().and_then(short_method);
    let open = |sub_status, usual, decision, is_upstreams, events| After {
        shape: Shape {
            status: "PENDING".to_owned(),
            sub_status: Some(sub_status),
            next: Some(Next { method: wanted.unwrap_or(usual), delay }),
            parts: Vec::new(),
        },
        message: Some(message.clone()),
        events,
        decision,
        is_upstreams,
    };
    let ended = |sub_status, parts, decision, events, is_upstreams| After {
        shape: Shape { status: "ACTIVE".to_owned(), sub_status: Some(sub_status), next: None, parts },
        message: Some(message.clone()),
        events,
        decision,
        is_upstreams,
    };
    match status {
        Some(WAITING) if is_default || wanted.is_some_and(|method| method != "check") => {
            open(WAITING, "check", "B7", false, Vec::new())
        }
        Some(WAITING) => open(WAITING, "check", "B1", true, Vec::new()),
        Some(status @ "client data issue seen") => {
            open("client data issue seen", "check", "B4", status.is_empty(), Vec::new())
        }
        Some(UNAVAILABLE) => {
            let event = json!({ "event": "unavailable", "message": message });
            open(UNAVAILABLE, method, "B3", false, vec![event])
        }
        Some("request canceled") => ended("request canceled", Vec::new(), "B5", Vec::new(), false),
        Some(INVALID) => failed(Some(message)),
        Some(GENERATED) => match placeholder::given(result) {
            Given::Nothing => After { decision: "B2", ..failed(None) },
            // A damaged certificate is kept with the order, and does not get into the store (decision B11).
            Given::Damaged => {
                let failed = failed(None);
                let shape = Shape { sub_status: Some(GENERATED), ..failed.shape };
                After { shape, decision: "B11", ..failed }
            }
            Given::Parts(parts) => ended(GENERATED, parts, "B2", vec![json!({ "event": "ready" })], true),
        },
        _ => failed(input["exception_str"].as_str().filter(|_| input["exception"].is_string()).map(shown)),
    }
}

fn short_method(name: &str) -> Option<&'static str> {
    match name {
        "issue_certificate_request" => Some("issue"),
        "check_certificate_status" => Some("check"),
        "modify_certificate_request" => Some("modify"),
        "cancel_certificate_request" => Some("cancel"),
        _ => None,
    }
}

/// Returns a message as clients see it: one line of at most 1000 bytes (decision H116).
fn shown(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.len() <= 1000 {
        return line;
    }
    let end = (0..=997).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let kept: String = text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{kept}\u{2026}")
}

impl After {
    /// Returns the rulings on the order, its message and its events. There is no ruling on a message of the host
    /// itself. Upstream never reports that a certificate is ready (decision B13).
    pub fn rulings(self) -> [Option<Ruling>; 3] {
        let Self { shape, message, events, decision, is_upstreams } = self;
        let order = (!is_upstreams).then(|| Ruling::new(decision, shape.demand()));
        let message = message.map(|message| Ruling::new(decision, Demand::Exactly(message.into())));
        let decision = if events.iter().any(|event| event["event"] == "ready") { "B13" } else { decision };
        [order, message, Some(Ruling::new(decision, Demand::Exactly(events.into())))]
    }
}
