//! `cargo xtask conformance`: runs the suites over all linked plugins.
//!
//! This package links no crate of the workspace, so that it compiles quickly. A program of the tests does the
//! work and gets all arguments.

use crate::{Failure, cargo};

/// Runs the task.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let arguments = arguments.raw_args().map_err(|error| error.to_string())?;
    cargo::hand_over_to(program().args(arguments))
}

/// Prepares the program that links everything. The caller adds its arguments.
pub(crate) fn program() -> std::process::Command {
    cargo::program_of_tests("conformance")
}
