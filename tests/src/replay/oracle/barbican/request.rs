//! The metadata that an order may have.
//!
//! This oracle does not read keys: it checks only the PEM envelope of a PKCS#10 request. See decisions B12, B20, H116
//! and H130.

use serde_json::Value;

use super::subject;
use crate::replay::{Class, Demand, Ruling};

/// Returns the ruling on the body of an order, or `None` if the decisions demand nothing beyond upstream's behaviour.
pub fn ruling(body: &Value) -> Option<Ruling> {
    let refused = |decision| Some(Ruling::refused(decision, &[Class::Invalid]));
    let is_of_upstream = |order_type: &str| matches!(order_type, "key" | "asymmetric");
    if body["type"].as_str().is_some_and(is_of_upstream) && body["meta"].is_object() {
        return refused("B20");
    }
    if body["type"] != "certificate" || !body["meta"].is_object() {
        return None;
    }
    let meta = &body["meta"];
    let is_missing = |field: &str| meta.get(field).is_none();
    let refuses_payload = !meta["payload"].is_null();
    if refuses_payload {
        return None;
    }
    if !is_missing("ca_id") && !meta["ca_id"].as_str().is_some_and(is_ca_id) {
        return refused("H130");
    }
    if is_missing("ca_id") && !is_missing("profile") {
        return None;
    }
    match meta.get("request_type").map(Value::as_str) {
        Some(Some("simple-cmc")) => of_request_data(&meta["request_data"]),
        Some(Some("stored-key")) => of_stored_key(meta),
        _ => None,
    }
}

fn is_ca_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn of_request_data(data: &Value) -> Option<Ruling> {
    // Upstream also decodes Base64 that is not strict; there is no ruling on such a text. Upstream also finds a request
    // that is surrounded by other text; decision B20 refuses that.
    let pem = data.as_str().and_then(decoded)?;
    let lines: Vec<&str> = pem.lines().map(str::trim_end).collect();
    let is_marker = |line: &&&str| line.starts_with("-----");
    let markers = lines.iter().filter(is_marker).count();
    let is_first = lines.first().is_some_and(|line| line.starts_with("-----BEGIN"));
    let is_last = lines.last().is_some_and(|line| line.starts_with("-----END"));
    let is_request = lines.first().is_some_and(|line| line.contains("CERTIFICATE REQUEST"));
    (is_request && (markers != 2 || !is_first || !is_last) || has_request_within(&pem, is_request))
        .then(|| Ruling::refused("B20", &[Class::Invalid]))
}

fn has_request_within(pem: &str, begins_with_it: bool) -> bool {
    !begins_with_it && pem.contains("-----BEGIN CERTIFICATE REQUEST-----")
}

fn decoded(text: &str) -> Option<String> {
    let compact: String = text.split_ascii_whitespace().collect();
    let url_safe = compact.replace('+', "-").replace('/', "_");
    String::from_utf8(crate::replay::oracle::base64::decode_strictly(url_safe.as_bytes())?).ok()
}

fn of_stored_key(meta: &Value) -> Option<Ruling> {
    let refused = |decision| Some(Ruling::refused(decision, &[Class::Invalid]));
    let container = match meta.get("container_ref") {
        None | Some(Value::Null) => return None,
        Some(container) => container.as_str().unwrap_or_default(),
    };
    if !is_container(container) {
        return refused("B20");
    }
    let subject = meta["subject_dn"].as_str()?;
    match subject::verdict(subject) {
        Some(false) => return refused("B12"),
        Some(true) if meta["extensions"].is_null() => {
            return Some(Ruling::new("B12", Demand::Exactly(serde_json::json!({ "accepted": true }))));
        }
        _ => {}
    }
    if meta["extensions"].is_null() { None } else { refused("H130") }
}

fn is_container(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let is_store = |name: &str| {
        name.len() <= 128
            && !name.starts_with('.')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let is_name = |name: &str| (1..=1024).contains(&name.len()) && !name.chars().any(char::is_control);
    matches!(parts.len(), 2 | 3) && is_store(parts[0]) && parts.iter().copied().all(is_name)
}
