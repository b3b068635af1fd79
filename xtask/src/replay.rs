//! `cargo xtask replay`: golden vectors against this project.

use std::path::PathBuf;
use std::{env, ffi::OsString};

use crate::{Failure, cargo};

/// Runs the task. A program of the tests does the work, as for `conformance`.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let here = env::current_dir().map_err(|error| format!("the working directory is gone: {error}"))?;
    let arguments = arguments.raw_args().map_err(|error| error.to_string())?;
    let mut command = cargo::cargo();
    command.args(["run", "--quiet", "--package", "keyway-tests", "--bin", "replay", "--"]);
    command.args(arguments.map(|argument| absolute(&here, argument)));
    let status = command.status().map_err(|error| format!("cargo does not start: {error}"))?;
    if status.success() {
        return Ok(());
    }
    // What was wrong stands there already; the status is what is left to say.
    std::process::exit(1)
}

/// Files are named from where the task was started, and cargo runs in the root of the workspace.
fn absolute(here: &std::path::Path, argument: OsString) -> OsString {
    if argument.as_encoded_bytes().starts_with(b"-") {
        argument
    } else {
        here.join(PathBuf::from(argument)).into()
    }
}
