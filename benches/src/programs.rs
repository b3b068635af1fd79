//! Builds the programs that a benchmark starts.

use std::path::PathBuf;
use std::process::Command;

use crate::areas::BenchError;

/// Builds a program of the workspace with a profile, and returns its path.
///
/// # Errors
/// The output of cargo.
pub fn build(package: &str, program: &str, profile: &str) -> Result<PathBuf, BenchError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--locked", "--quiet", "--profile", profile, "-p", package, "--bin", program])
        .args(["--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    let built = String::from_utf8_lossy(&output.stdout);
    let messages = built.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut executables = messages.filter_map(|message| Some(message["executable"].as_str()?.to_owned()));
    executables
        .find(|path| path.ends_with(program))
        .map(PathBuf::from)
        .ok_or_else(|| format!("cargo: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}
