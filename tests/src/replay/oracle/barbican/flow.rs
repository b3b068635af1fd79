//! The states of an order after each of several answers.

use serde_json::{Value, json};

use super::order::after;
use super::placeholder;
use crate::replay::{Demand, Ruling};

/// One answer of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The order waits.
    Wait,
    /// The authority cannot be reached.
    Unavailable,
    /// The authority made the certificate and its chain.
    Generated,
    /// The client has to correct its data.
    DataIssue,
    /// The order is canceled.
    Canceled,
    /// The order cannot be carried out.
    Invalid,
}

/// Reads the answers of a plugin from words such as `unavailable twice at issue, then wait`. Before a part that
/// begins with `check`, there is one more answer, `Wait`, because an order is placed before it is checked.
pub fn sequence(words: &str) -> Vec<Told> {
    let mut all = Vec::new();
    // A remark in parentheses gives the number of further calls.
    let (words, remark) = words.split_once('(').unwrap_or((words, ""));
    let again = remark.split_whitespace().next().and_then(|count| count.parse::<usize>().ok());
    let parts = words.split(',').flat_map(|part| part.split("then ")).map(str::trim);
    for part in parts.filter(|part| !part.is_empty()) {
        let told = if part.contains("generated") {
            Told::Generated
        } else if part.contains("unavailable") || part.contains("never available") {
            Told::Unavailable
        } else if part.contains("data issue") {
            Told::DataIssue
        } else if part.contains("cancel") {
            Told::Canceled
        } else if part.contains("invalid") {
            Told::Invalid
        } else {
            Told::Wait
        };
        if part.starts_with("check ") {
            all.push(Told::Wait);
        }
        let times = if part.contains("twice") {
            2
        } else if part.contains("3 times") {
            3
        } else {
            1
        };
        all.extend(std::iter::repeat_n(told, times));
    }
    if let Some(again) = again.filter(|again| *again <= 20) {
        let last = all.last().copied().unwrap_or(Told::Wait);
        all.extend(std::iter::repeat_n(last, again));
    }
    all
}

/// Returns the number of calls until the order ends.
pub fn length(all: &[Told]) -> usize {
    let ends = |told: &Told| matches!(told, Told::Generated | Told::Canceled | Told::Invalid);
    all.iter().position(ends).map_or(all.len(), |at| at + 1)
}

/// Returns the rulings on the order after each call, on the events of each call, and on the methods that are called.
pub fn rulings(all: &[Told]) -> Vec<Option<Ruling>> {
    let (mut orders, mut events, mut methods) = (Vec::new(), Vec::new(), Vec::new());
    let mut method = "issue";
    let mut failures = 0;
    for told in &all[..length(all)] {
        methods.push(method);
        let result = match told {
            Told::Wait => json!({ "status": "waiting for CA" }),
            Told::Unavailable => {
                failures += 1;
                let delay = (10_000_u64 << (failures - 1)).clamp(777, 3_600_000);
                json!({ "status": "CA unavailable for request", "status_message": "down", "retry_msec": delay })
            }
            Told::Generated => {
                json!({
                    "status": "certificate generated",
                    "certificate": placeholder::CERTIFICATE,
                    "intermediates": placeholder::CHAIN,
                })
            }
            Told::DataIssue => json!({ "status": "client data issue seen" }),
            Told::Canceled => json!({ "status": "request canceled" }),
            Told::Invalid => json!({ "status": "invalid operation" }),
        };
        if *told != Told::Unavailable {
            failures = 0;
        }
        let after = after(method, &json!({ "result": result }));
        if let Some(next) = &after.shape.next {
            method = next.method;
        }
        let [order, _, event] = after.rulings();
        orders.push(order);
        events.push(event);
    }
    let methods: Vec<Value> = methods.into_iter().map(Value::from).collect();
    let methods = Ruling::new("B8", Demand::Exactly(methods.into()));
    orders.into_iter().chain(events).chain([Some(methods)]).collect()
}
