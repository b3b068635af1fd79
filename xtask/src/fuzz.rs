//! `cargo xtask fuzz`: a short run of every fuzz target.

use std::fs;

use crate::{Failure, cargo};

/// Runs the task. Without nightly and cargo-fuzz it says so in one line and succeeds, because the
/// corpora are also run by an ordinary test.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut only = None;
    let mut seconds = 5_u32;
    while let Some(argument) = arguments.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Value(target) => only = Some(target.to_string_lossy().into_owned()),
            lexopt::Arg::Long("seconds") => {
                let text = arguments.value().map_err(|error| error.to_string())?;
                seconds = text
                    .to_str()
                    .and_then(|text| text.parse().ok())
                    .ok_or("--seconds wants a whole number of seconds")?;
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    let manifest = cargo::workspace_root().join("fuzz/Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    let mut targets = targets(&text);
    if let Some(only) = &only {
        targets.retain(|target| target == only);
        if targets.is_empty() {
            return Err(format!("fuzz/Cargo.toml has no target {only}"));
        }
    }
    if let Some(missing) = missing_tool() {
        println!("missing: {missing}; skipped: fuzz targets {}", targets.join(", "));
        return Ok(());
    }
    // Nothing here is unsafe code, so a sanitizer would find nothing and make the build twice as long.
    let build = cargo::rustup_cargo("nightly").args(["fuzz", "build", "--sanitizer", "none"]).status();
    if !build.is_ok_and(|status| status.success()) {
        return Err("the fuzz targets do not compile".to_owned());
    }
    let mut failed = Vec::new();
    for target in &targets {
        let found = cargo::workspace_root().join("fuzz/target/found").join(target);
        fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
        let output = cargo::output(
            cargo::rustup_cargo("nightly")
                .args(["fuzz", "run", "--sanitizer", "none", target])
                // What is found goes into the first folder; the corpus in the repository is only read.
                .arg(&found)
                .arg(format!("fuzz/corpus/{target}"))
                .args(["--", &format!("-max_total_time={seconds}"), "-timeout=10"]),
        )?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            println!("fuzz target {target}: {}", last_words(&said));
        } else {
            println!("fuzz target {target}: FAILED\n{said}");
            failed.push(target.as_str());
        }
    }
    if failed.is_empty() {
        println!("{} fuzz targets ran, none failed", targets.len());
        Ok(())
    } else {
        Err(format!("fuzz targets that failed: {}", failed.join(", ")))
    }
}

fn missing_tool() -> Option<&'static str> {
    if !cargo::answers("rustup", &["run", "nightly", "rustc", "--version"]) {
        return Some("the nightly toolchain (rustup toolchain install nightly)");
    }
    if !cargo::answers("cargo", &["fuzz", "--version"]) {
        return Some("cargo-fuzz (cargo install cargo-fuzz)");
    }
    None
}

/// What libFuzzer says at the end of a run without a failure.
fn last_words(said: &str) -> &str {
    said.lines().rev().find(|line| line.starts_with("Done ")).unwrap_or("ended without a summary")
}

/// The names of the `[[bin]]` tables of a manifest.
fn targets(manifest: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut in_bin = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_bin = line == "[[bin]]";
        } else if in_bin
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
        {
            targets.push(value.trim().trim_matches('"').to_owned());
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::{last_words, targets};

    #[test]
    fn the_summary_of_a_run_is_found() {
        assert_eq!(last_words("#1 INITED\nDone 5 runs in 1 second(s)\n\n"), "Done 5 runs in 1 second(s)");
        assert_eq!(last_words(""), "ended without a summary");
    }

    #[test]
    fn only_names_of_bins_are_targets() {
        let manifest = "[package]\nname = \"fuzz\"\n[[bin]]\nname = \"one\"\npath = \"a\"\n\n[[bin]]\npath = \"b\"\n\
                        name=\"two\"\n[dependencies]\nname = \"1\"\n";
        assert_eq!(targets(manifest), ["one", "two"]);
    }
}
