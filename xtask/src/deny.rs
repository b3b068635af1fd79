//! `cargo xtask deny`: checks the dependencies against deny.toml.

use crate::{Failure, cargo, expect_no_more, tools};

/// The manifests of both workspaces. cargo-fuzz requires the second workspace.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "fuzz/Cargo.toml"];

/// Runs the task. If cargo-deny is missing and no registry can be reached to install it, prints one line and succeeds.
/// Skips the check of advisories in the same way if their database is missing.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    expect_no_more(arguments)?;
    let skipped = "bans, licences, sources and advisories of all dependencies";
    if !tools::DENY.ensure(skipped)? {
        return Ok(());
    }
    let mut checks = vec!["bans", "licenses", "sources"];
    if fetches_advisories() {
        checks.push("advisories");
    } else {
        println!("missing: the database of advisories (cargo deny fetch db); skipped: advisories");
    }
    for manifest in MANIFESTS {
        let path = cargo::workspace_root().join(manifest);
        if !tools::fetch(&path, skipped)? {
            return Ok(());
        }
        // `--frozen` keeps the lock files unchanged. It needs no network, because all dependencies were fetched before.
        let mut deny =
            cargo::unlocked(&["deny", "--frozen", "--log-level", "error", "--config", "deny.toml"]);
        deny.args(["--manifest-path", manifest, "check"]).args(&checks);
        if !cargo::succeeds(&mut deny)? {
            return Err(format!("{manifest}: a dependency breaks deny.toml"));
        }
        println!("{manifest}: {} as deny.toml says", checks.join(", "));
    }
    Ok(())
}

fn fetches_advisories() -> bool {
    // Lets git fail instead of asking for a password.
    let output = cargo::unlocked(&["deny", "fetch", "db"]).env("GIT_TERMINAL_PROMPT", "0").output();
    output.is_ok_and(|output| output.status.success())
}
