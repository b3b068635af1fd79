//! Builds the programs that a benchmark starts.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::areas::BenchError;

/// Builds a program, and copies it into a folder, as an installation does. Returns the path of the copy.
///
/// A linker writes a file in pieces, and the system keeps these pieces as single pages in its memory. It maps a page of
/// such a file at a time. A program that was copied, or read from the disk, starts with fewer page faults. The larger a
/// program is, the more this counts (decision H351).
///
/// # Errors
/// The output of cargo, or that of the copy.
pub(crate) fn install(
    package: &str,
    program: &str,
    profile: &str,
    folder: &Path,
) -> Result<PathBuf, BenchError> {
    let installed = folder.join(program);
    std::fs::copy(build(package, program, profile)?, &installed)?;
    Ok(installed)
}

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
