//! The answers with which the service refuses a request.

use serde_json::{Value, json};

/// A refusal: a status, and a body with `code` and `message`.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// Creates the refusal of a request that is malformed, or that a client must not send.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_data", message)
    }

    pub(super) fn body(&self) -> Value {
        json!({ "code": self.code, "message": self.message })
    }
}
