//! Replaces the labels in vectors, which stand for keys and requests, and upstream's references to containers.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

static FIXTURES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let text = include_str!("../../../vectors/barbican-fixtures.json");
    let mut file: Value = serde_json::from_str(text).expect("the file of fixtures is JSON");
    serde_json::from_value(file["fixtures"].take()).expect("fixtures are texts")
});

/// The label of a request without further details. It stands for the fixture [`VALID`].
const PLAIN: &str = "base64(PEM CSR)";
/// The passphrase of encrypted keys.
pub(super) const PASSPHRASE: &str = "pass word";
const VALID: &str = "base64(PEM CSR, valid signature)";

/// Returns the text that a label stands for. Returns any other text unchanged.
pub(super) fn text(text: &str) -> &str {
    let label = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let label = label.map(|label| match label {
        PLAIN | "CSR" | "base64 CSR" | "base64(PEM CSR cn=server1)" => VALID,
        "base64(unsigned CSR)" => "base64(PEM CSR without a signature)",
        other => other,
    });
    label.and_then(|label| FIXTURES.get(label)).map_or(text, String::as_str)
}

/// Tells whether a label stands for the request with a valid signature and the subject CN=server1.
pub(super) fn is_request(label: &str) -> bool {
    label != VALID && text(label) == FIXTURES[VALID]
}

/// Returns the key of upstream's containers, in PEM.
pub(super) fn key() -> &'static str {
    &FIXTURES["test_only_private_key_pem"]
}

/// Returns the key of upstream's containers in PEM, encrypted with [`PASSPHRASE`].
pub(super) fn encrypted_key() -> &'static str {
    &FIXTURES["encrypted_private_key_pem (aes256, passphrase \"pass word\")"]
}

/// Replaces a label in the request data of an order by the text that it stands for. Also replaces upstream's reference
/// to a container, which is a URL: the container `1` of upstream is the container `1` of the store `containers`.
pub(super) fn with_fixtures(mut body: Value) -> Value {
    if let Some(Value::String(data)) = body.pointer_mut("/meta/request_data") {
        *data = text(data).to_owned();
    }
    if let Some(Value::String(container)) = body.pointer_mut("/meta/container_ref")
        && let Some(rest) = container.strip_prefix("http://h/")
    {
        *container = rest.to_owned();
    }
    body
}
