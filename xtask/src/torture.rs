//! `cargo xtask torture`: kills processes while they write, and checks the data that is left.
//!
//! A program of the tests does the work and gets all arguments, as for `conformance`.

use crate::{Failure, cargo};

/// Runs the task.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let arguments = arguments.raw_args().map_err(|error| error.to_string())?;
    cargo::hand_over_to(cargo::program_of_tests("torture").args(arguments))
}
