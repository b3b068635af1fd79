//! `cargo xtask torture`: processes that write are killed, and what is left is checked.
//!
//! As with `conformance`, a program of the tests does the work and gets all arguments.

use crate::{Failure, cargo};

/// Runs the task.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let arguments = arguments.raw_args().map_err(|error| error.to_string())?;
    let status = cargo::cargo()
        .args(["run", "--quiet", "--package", "keyway-tests", "--bin", "torture", "--"])
        .args(arguments)
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if status.success() {
        return Ok(());
    }
    // What was wrong stands there already; the status is what is left to say.
    std::process::exit(1)
}
