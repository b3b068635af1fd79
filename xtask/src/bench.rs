//! Implements `cargo xtask bench`: builds the benchmarks with the profile `bench` and runs them.

use std::path::absolute;

use crate::{Failure, cargo};

/// Runs the task. The program `measure` of keyway-benches does everything but the build.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    // Builds all programs of the package, because one program starts another.
    let build = ["--quiet", "--profile", "bench", "--package", "keyway-benches", "--bins"];
    if !cargo::succeeds(cargo::cargo(&["build"]).args(build))? {
        return Err("the benchmarks do not compile".to_owned());
    }
    let mut command = cargo::cargo(&["run"]);
    command.args(["--quiet", "--profile", "bench", "--package", "keyway-benches", "--bin", "measure", "--"]);
    while let Some(argument) = arguments.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Value(area) => command.arg(area),
            lexopt::Arg::Long("list") => command.arg("--list"),
            lexopt::Arg::Long("json") => {
                let file = arguments.value().map_err(|error| error.to_string())?;
                // The program runs in the root of the workspace; the caller may be elsewhere.
                command.arg("--json").arg(absolute(file).map_err(|error| error.to_string())?)
            }
            other => return Err(other.unexpected().to_string()),
        };
    }
    if cargo::succeeds(&mut command)? {
        Ok(())
    } else {
        Err("a figure fell short, or was not measured".to_owned())
    }
}
