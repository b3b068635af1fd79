//! Installs cargo subcommands that some tasks need.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Failure, cargo};

/// A cargo subcommand from crates.io.
pub(crate) struct Tool {
    package: &'static str,
    version: &'static str,
    /// The arguments that check whether the tool is installed, in any version.
    question: [&'static str; 2],
}

pub(crate) const FUZZ: Tool =
    Tool { package: "cargo-fuzz", version: "0.13.2", question: ["fuzz", "--version"] };
pub(crate) const DENY: Tool =
    Tool { package: "cargo-deny", version: "0.20.2", question: ["deny", "--version"] };

impl Tool {
    /// Installs the tool if it is missing, with the dependencies of its release. If the registry cannot be reached,
    /// prints a line that names what was `skipped`, and returns false.
    pub(crate) fn ensure(&self, skipped: &str) -> Result<bool, Failure> {
        if cargo::answers("cargo", &self.question) {
            return Ok(true);
        }
        println!("installing {} {}", self.package, self.version);
        let mut install = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        install
            .args(["install", self.package, "--version", self.version, "--locked", "--quiet"])
            // An unoptimized tool compiles in a third of the time, and it runs for seconds only.
            .arg("--debug")
            .envs([("CARGO_PROFILE_DEV_DEBUG", "false"), ("CARGO_INCREMENTAL", "0")])
            // Cargo would otherwise apply the configuration of the workspace, such as its target folder.
            .current_dir(env::temp_dir())
            .env_remove("CARGO_TARGET_DIR");
        if cargo::succeeds(&mut install)? {
            return Ok(true);
        }
        if registry_answers() {
            return Err(format!("{} cannot be installed", self.package));
        }
        println!(
            "missing: {} (cargo install {} --locked --version {}), and no registry to install it from; skipped: {skipped}",
            self.package, self.package, self.version
        );
        Ok(false)
    }
}

/// Downloads the packages of a workspace's lock file. If the registry cannot be reached, prints a line that names what
/// was `skipped`, and returns false.
pub(crate) fn fetch(manifest: &Path, skipped: &str) -> Result<bool, Failure> {
    let mut fetch = cargo::cargo(&["fetch"]);
    if cargo::succeeds(fetch.arg("--manifest-path").arg(manifest))? {
        return Ok(true);
    }
    if registry_answers() {
        return Err(format!("the lock file beside {} is out of date", manifest.display()));
    }
    println!("missing: packages of {}, and no registry; skipped: {skipped}", manifest.display());
    Ok(false)
}

/// Tells whether crates.io, or its replacement, can be reached.
fn registry_answers() -> bool {
    // Runs in a folder without a workspace, because cargo would otherwise answer from the workspace.
    let folder = env::temp_dir();
    let _ = fs::create_dir_all(&folder);
    Command::new("cargo")
        .args(["info", "--quiet", FUZZ.package])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
