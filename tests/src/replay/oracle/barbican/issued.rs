//! The certificates that an authority makes with its own keys.
//!
//! See decisions B12 and B15.

use serde_json::{Value, json};

use super::subject;

/// The subject of the root. It is encoded in the same way as upstream's.
pub const ROOT: &str = "O=example.com,CN=Snakeoil Certificate";
/// The validity of a certificate in days. Upstream means days, but counts seconds.
pub const DAYS: u64 = 730;
/// The validity of a subordinate authority in days.
pub const AUTHORITY_DAYS: u64 = 3650;

/// Returns the facts of a certificate in the form of the vectors. The serial number is random, and has at most 128
/// bits.
pub fn facts(of: &str, issuer: &str, days: u64) -> Value {
    json!({
        "subject": subject::encoded(of),
        "issuer": subject::encoded(issuer),
        "days": days,
        "serial_is_one": false,
        "serial_bits_max_128": true,
    })
}

/// Reads the facts of a certificate of upstream.
pub fn facts_of_upstream(certificate: &Value) -> Value {
    json!({
        "subject": pairs(&certificate["subject"]),
        "issuer": pairs(&certificate["issuer"]),
        "days": certificate["validity_seconds"].as_u64().map(whole_days),
        "serial_is_one": certificate["serial_is_one"],
        "serial_bits_max_128": certificate["serial_bits_max_128"],
    })
}

/// Rounds seconds to days, because the last second of a validity may be counted or not.
pub const fn whole_days(seconds: u64) -> u64 {
    (seconds + 43_200) / 86_400
}

/// Reads a name from upstream. Each of its relative names has one attribute.
pub fn pairs(name: &Value) -> Value {
    let pair = |pair: &Value| json!([[pair[0].as_str().map(str::to_ascii_lowercase), pair[1]]]);
    name.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(pair).collect()
}
