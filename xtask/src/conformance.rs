//! `cargo xtask conformance`: the suites over everything that is linked.
//!
//! This package links no crate of the workspace, so that it is compiled in a moment; a
//! program of the tests does the work and gets all arguments.

use crate::{Failure, cargo};

/// Runs the task.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let arguments = arguments.raw_args().map_err(|error| error.to_string())?;
    cargo::hand_over_to(program().args(arguments))
}

/// The program that links everything; its arguments are to follow.
pub(crate) fn program() -> std::process::Command {
    cargo::program_of_tests("conformance")
}
