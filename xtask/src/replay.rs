//! `cargo xtask replay`: replays golden vectors.

use std::path::PathBuf;
use std::{env, ffi::OsString};

use crate::{Failure, cargo};

/// Runs the task. A program of the tests does the work, as for `conformance`.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let here = env::current_dir().map_err(|error| format!("the working directory is gone: {error}"))?;
    let arguments = arguments.raw_args().map_err(|error| error.to_string())?;
    let arguments = arguments.map(|argument| absolute(&here, argument));
    cargo::hand_over_to(cargo::program_of_tests("replay").args(arguments))
}

/// Makes a file name absolute: the caller's folder may differ from the root of the workspace, where cargo runs.
fn absolute(here: &std::path::Path, argument: OsString) -> OsString {
    if argument.as_encoded_bytes().starts_with(b"-") {
        argument
    } else {
        here.join(PathBuf::from(argument)).into()
    }
}
