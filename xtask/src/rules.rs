//! `cargo xtask rules`: writes the page of all conformance rules.

use std::fs;

use crate::{Failure, cargo, conformance};

/// Runs the task.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    if let Some(argument) = arguments.next().map_err(|error| error.to_string())? {
        return Err(argument.unexpected().to_string());
    }
    let written = conformance::program()
        .arg("--rules")
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
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
