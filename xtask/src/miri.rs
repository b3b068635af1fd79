//! `cargo xtask miri`: the parser and the registry of keyway-core under miri.

use crate::{Failure, cargo, expect_no_more};

/// The tests that miri runs: those whose names begin so, and that do no I/O.
const TESTS: [&str; 3] = ["compatibility::", "version::", "registry::"];

/// Runs the task. Without nightly and miri it says so in one line and succeeds.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    expect_no_more(arguments)?;
    if !cargo::answers("rustup", &["run", "nightly", "cargo", "miri", "--version"]) {
        println!(
            "missing: miri (rustup component add miri rust-src --toolchain nightly); skipped: core under miri"
        );
        return Ok(());
    }
    let mut command = cargo::rustup_cargo("nightly");
    command
        .args(["miri", "test", "--package", "keyway-core", "--lib", "--"])
        .args(TESTS)
        // Comparisons with oracles go the same paths many times: minutes here, and nothing new.
        .args(["--skip", "brute_force", "--skip", "agrees"])
        // A few cases of each property: miri is some hundred times slower.
        .env("PROPTEST_CASES", "4")
        // The tests leak on purpose, where only a `'static` value will do.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation -Zmiri-ignore-leaks");
    if cargo::succeeds(&mut command)? {
        Ok(())
    } else {
        Err("a test of keyway-core fails under miri".to_owned())
    }
}
