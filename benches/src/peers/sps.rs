//! The real SDK of SPS, running in Python.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::areas::BenchError;

/// Returns the processor time of a full session at a log level in microseconds, as the median of the batches. Blocks.
///
/// # Errors
/// When Python does not start, or the sessions did not do what they should.
pub fn full_session(python: &Path, level: &str, sessions: u32, batches: u32) -> Result<f64, BenchError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/sps_peer.py");
    let output = Command::new(python)
        .arg(script)
        .args([level, &sessions.to_string(), &batches.to_string()])
        .stderr(Stdio::null())
        .output()?;
    let measured: Value = serde_json::from_slice(&output.stdout)?;
    // The first session is not measured.
    let all = sessions * batches + 1;
    if measured["checked_out"] != all || measured["checked_in"] != all || measured["ended"] != all {
        return Err(format!("the peer had other sessions than {all} full ones: {measured}").into());
    }
    measured["median"].as_f64().ok_or_else(|| "the peer told no time".into())
}
