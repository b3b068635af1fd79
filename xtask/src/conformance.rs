//! `cargo xtask conformance`: the suites over everything that is linked.
//!
//! This package links no crate of the workspace, so that it is compiled in a moment; a
//! program of the tests does the work and gets all arguments.

use crate::{Failure, cargo};

/// Runs the task.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let arguments = arguments.raw_args().map_err(|error| error.to_string())?;
    let status =
        program().args(arguments).status().map_err(|error| format!("cargo does not start: {error}"))?;
    if status.success() {
        return Ok(());
    }
    // What was wrong stands there already; the status is what is left to say.
    std::process::exit(1)
}

/// The program that links everything; its arguments are to follow.
pub(crate) fn program() -> std::process::Command {
    let mut command = cargo::cargo();
    command.args(["run", "--quiet", "--package", "keyway-tests", "--bin", "conformance", "--"]);
    command
}
