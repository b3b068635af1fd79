//! A redacted answer of a service.

use std::fmt;

use serde_json::Value;

/// A service's answer without its contents: the names and types of its fields.
///
/// Texts are kept if they are in a field for code words (`object`, `error`, `code`, `kind`) and look like code words.
/// Numbers and truth values are kept only in those fields of an error object that are known to be harmless (decision
/// L6).
///
/// ```
/// use keyway_client::RedactedBody;
///
/// let body = serde_json::json!({"object": "error", "error": "not_found", "message": "no pa55word"});
/// let kept = RedactedBody::of(&body).to_string();
/// assert!(kept.contains(r#""error":"not_found""#) && !kept.contains("pa55word"), "{kept}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedactedBody(Value);

impl RedactedBody {
    /// Redacts an answer.
    pub fn of(body: &Value) -> Self {
        Self(redacted(None, body, 0))
    }

    /// Returns the redacted answer as JSON.
    pub fn as_json(&self) -> &Value {
        &self.0
    }
}

impl fmt::Display for RedactedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const DEEPEST: usize = 8;
const MOST: usize = 32;
/// The names of the fields in the older and the newer form of Locker's errors.
const FIELDS: [&str; 18] = [
    "code",
    "data",
    "details",
    "error",
    "id",
    "jsonrpc",
    "kind",
    "message",
    "object",
    "protocol_version",
    "request_id",
    "result",
    "retry_after_seconds",
    "retryable",
    "server_request_id",
    "status_code",
    "success",
    "user_message",
];

fn redacted(field: Option<&str>, value: &Value, depth: usize) -> Value {
    match value {
        _ if depth > DEEPEST => Value::from("[deeper]"),
        Value::Null => Value::Null,
        Value::Bool(_) if matches!(field, Some("success" | "retryable")) => value.clone(),
        Value::Bool(_) => Value::from("[boolean]"),
        Value::Number(_) if matches!(field, Some("status_code" | "code" | "retry_after_seconds")) => {
            value.clone()
        }
        Value::Number(_) => Value::from("[number]"),
        Value::String(text)
            if matches!(field, Some("object" | "error" | "code" | "kind")) && super::is_word(text) =>
        {
            value.clone()
        }
        Value::String(_) => Value::from("[text]"),
        Value::Array(items) => items.iter().take(MOST).map(|item| redacted(None, item, depth + 1)).collect(),
        Value::Object(fields) => fields
            .iter()
            .take(MOST)
            .map(|(name, value)| {
                // In an answer that lists secrets, the name of a field may be the name of a secret.
                let shown = if FIELDS.contains(&name.as_str()) { name } else { "[name]" };
                (shown.to_owned(), redacted(Some(name), value, depth + 1))
            })
            .collect(),
    }
}
