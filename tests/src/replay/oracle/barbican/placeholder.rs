//! The texts that stand for certificates in vectors.

use serde_json::Value;

/// Stands for a certificate. Upstream's plugins return it in Base64.
pub const CERTIFICATE: &str = "Q0VSVC1CWVRFUw==";
/// Stands for a chain.
pub const CHAIN: &str = "Q0hBSU4tQllURVM=";

/// The certificate and the chain in a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// The result has no certificate.
    Nothing,
    /// The text is neither a placeholder nor a certificate.
    Damaged,
    /// The result has these parts.
    Parts(Vec<&'static str>),
}

/// Returns the text of a value, which is a text or an object with a text under `bytes`.
pub fn text(value: &Value) -> Option<&str> {
    value.as_str().or(value["bytes"].as_str())
}

/// Returns the certificate and the chain that a result has.
pub fn given(result: &Value) -> Given {
    match (text(&result["certificate"]), text(&result["intermediates"])) {
        (None | Some(""), _) => Given::Nothing,
        (Some(CERTIFICATE), None | Some("")) => Given::Parts(vec!["certificate"]),
        (Some(CERTIFICATE), Some(CHAIN)) => Given::Parts(vec!["certificate", "intermediates"]),
        _ => Given::Damaged,
    }
}
