//! The real SDK of SPS, running in Python.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::areas::BenchError;

/// The log levels of the comparison: the SDK's default, and the cheapest level in common use.
pub const LOG_LEVELS: [&str; 2] = ["info", "error"];

/// Runs full sessions on one live plugin object, in batches. Returns the processor time of one session in nanoseconds,
/// as the median of the batches.
///
/// # Errors
/// When Python does not start, the SDK fails, or a session did not check out and check in exactly once.
pub fn session_time(python: &Path, log_level: &str, sessions: u32, batches: u32) -> Result<f64, BenchError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/sps_peer.py");
    let output = Command::new(python)
        .arg(script)
        .args([log_level, &sessions.to_string(), &batches.to_string()])
        .stderr(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(format!("the real SDK ended with {}", output.status).into());
    }
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    // One session runs before the measurement.
    let count = u64::from(sessions) * u64::from(batches) + 1;
    for name in ["checked_out", "checked_in", "ended"] {
        if answer[name] != count {
            return Err(format!("{name} is {} after {count} sessions", answer[name]).into());
        }
    }
    if answer["keys"] != json!([]) || answer["passwords"] != json!(["correct horse"]) {
        return Err("the real SDK returned other credentials".into());
    }
    Ok(answer["median"].as_f64().ok_or("the peer gave no time")? * 1e3)
}
