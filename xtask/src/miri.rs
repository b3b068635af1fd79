//! `cargo xtask miri`: runs the parser and the registry of keyway-core under miri.

use std::process::{Command, Stdio};

use crate::{Failure, cargo, expect_no_more};

/// The prefixes of the tests that miri runs. These tests do no I/O. Each runs in a process of its own, because miri
/// runs all threads of a program on one processor.
const TESTS: [&str; 3] = ["compatibility::", "version::", "registry::"];

/// Runs the task. Without nightly and miri, prints one line and succeeds.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    expect_no_more(arguments)?;
    if !cargo::answers("rustup", &["run", "nightly", "cargo", "miri", "--version"]) {
        println!(
            "missing: miri (rustup component add miri rust-src --toolchain nightly); skipped: core under miri"
        );
        return Ok(());
    }
    if !cargo::succeeds(miri().arg("--no-run"))? {
        return Err("keyway-core does not compile under miri".to_owned());
    }
    let mut running = Vec::new();
    for tests in TESTS {
        let mut command = miri();
        command
            .args(["--quiet", "--", tests])
            // Skips comparisons with oracles: they take minutes and run the same code again and again.
            .args(["--skip", "brute_force", "--skip", "agrees"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        running.push((tests, command.spawn().map_err(|error| format!("miri does not start: {error}"))?));
    }
    let mut failed = Vec::new();
    for (tests, child) in running {
        let output = child.wait_with_output().map_err(|error| format!("{tests}: {error}"))?;
        println!("{tests}");
        print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            failed.push(tests);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("a test of keyway-core fails under miri, of {}", failed.join(", ")))
    }
}

fn miri() -> Command {
    let mut command = cargo::rustup_cargo("nightly");
    command
        .args(["miri", "test", "--locked", "--package", "keyway-core", "--lib"])
        // Runs few cases of each property, because miri is several hundred times slower.
        .env("PROPTEST_CASES", "4")
        // The tests leak values that must be `'static`.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation -Zmiri-ignore-leaks");
    command
}
