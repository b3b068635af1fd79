//! Cargo subcommands that some tasks need, installed from crates.io where they are missing.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Failure, cargo};

/// A cargo subcommand of crates.io.
pub(crate) struct Tool {
    package: &'static str,
    version: &'static str,
    /// Asks whether it is there, whatever its version.
    question: [&'static str; 2],
}

pub(crate) const FUZZ: Tool =
    Tool { package: "cargo-fuzz", version: "0.13.2", question: ["fuzz", "--version"] };
pub(crate) const DENY: Tool =
    Tool { package: "cargo-deny", version: "0.20.2", question: ["deny", "--version"] };

impl Tool {
    /// Installs the tool if it is missing, with the versions that it was released with. `false` when
    /// the registry cannot be reached; then one line says what was `skipped`.
    pub(crate) fn ensure(&self, skipped: &str) -> Result<bool, Failure> {
        if cargo::answers("cargo", &self.question) {
            return Ok(true);
        }
        println!("installing {} {}", self.package, self.version);
        let mut install = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        install
            .args(["install", self.package, "--version", self.version, "--locked", "--quiet"])
            // Unoptimized, it is compiled in a third of the time, and runs for seconds.
            .arg("--debug")
            .envs([("CARGO_PROFILE_DEV_DEBUG", "false"), ("CARGO_INCREMENTAL", "0")])
            // Cargo would apply the configuration of the workspace, such as its target folder.
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

/// Downloads the packages of a workspace, as its lock file names them. `false` when the registry cannot
/// be reached; then one line says what was `skipped`.
pub(crate) fn fetch(manifest: &Path, skipped: &str) -> Result<bool, Failure> {
    let mut fetch = cargo::cargo(&["fetch"]);
    if cargo::succeeds(fetch.arg("--manifest-path").arg(manifest))? {
        return Ok(true);
    }
    if registry_answers() {
        return Err(format!("the lock file beside {} does not fit", manifest.display()));
    }
    println!("missing: packages of {}, and no registry; skipped: {skipped}", manifest.display());
    Ok(false)
}

/// Whether crates.io, or what stands in its place here, can be asked.
fn registry_answers() -> bool {
    // In a folder without a workspace, or cargo would answer from that.
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
