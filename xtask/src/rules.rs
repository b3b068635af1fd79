//! `cargo xtask rules`: writes the page of all conformance rules.

use std::fs;

use crate::{Failure, cargo, conformance, expect_no_more};

/// Runs the task.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    expect_no_more(arguments)?;
    let written = cargo::output(conformance::program().arg("--rules"))?;
    if !written.status.success() {
        return Err(String::from_utf8_lossy(&written.stderr).into_owned());
    }
    let folder = cargo::workspace_root().join("docs");
    let page = folder.join("rules.md");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&page, written.stdout))
        .map_err(|error| format!("{}: {error}", page.display()))?;
    println!("{} is written", page.display());
    Ok(())
}
