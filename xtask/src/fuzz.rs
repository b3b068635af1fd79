//! `cargo xtask fuzz`: a short run of every fuzz target.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{Failure, cargo, tools};

/// Runs the task. If cargo-fuzz is missing and no registry can be reached to install it, prints one line and succeeds,
/// because an ordinary test also runs the corpora.
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
    let skipped = format!("{} fuzz targets", targets.len());
    if !tools::FUZZ.ensure(&skipped)? || !tools::fetch(&manifest, &skipped)? {
        return Ok(());
    }
    let programs = build(only.as_deref(), Profile::of_run(seconds))?;
    let failed = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(target) = targets.get(next.fetch_add(1, Ordering::SeqCst)) {
                    match fuzz(&programs, target, seconds) {
                        Ok(words) => println!("fuzz target {target}: {words}"),
                        Err(failure) => {
                            println!("fuzz target {target}: FAILED\n{failure}");
                            failed.lock().unwrap_or_else(PoisonError::into_inner).push(target.as_str());
                        }
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failed.is_empty() {
        println!("{} fuzz targets ran, none failed", targets.len());
        Ok(())
    } else {
        failed.sort_unstable();
        Err(format!("fuzz targets that failed: {}", failed.join(", ")))
    }
}

/// The profile that the targets are compiled with.
#[derive(Clone, Copy)]
enum Profile {
    Dev,
    Release,
}

impl Profile {
    /// Chooses the profile by the seconds that each target runs. Optimized targets take three times as long to compile,
    /// which a short run does not make up for.
    fn of_run(seconds: u32) -> Self {
        if seconds < 60 { Self::Dev } else { Self::Release }
    }

    /// Returns the arguments of `cargo fuzz build`, and the name of the folder that it puts the programs into.
    fn build_arguments(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Dev => (&["--dev"], "debug"),
            Self::Release => (&[], "release"),
        }
    }
}

/// Builds the target `only`, or all targets if `only` is `None`, and returns the folder of the programs.
fn build(only: Option<&str>, profile: Profile) -> Result<PathBuf, Failure> {
    let folder = cargo::workspace_root().join("fuzz/target");
    let (arguments, programs) = profile.build_arguments();
    // A sanitizer requires nightly, and would find little: the workspace has no unsafe code.
    let status = cargo::unlocked(&["fuzz", "build", "--sanitizer", "none", "--target-dir"])
        .arg(&folder)
        .args(arguments)
        .args(only)
        .status();
    if !status.is_ok_and(|status| status.success()) {
        return Err("the fuzz targets do not compile".to_owned());
    }
    Ok(folder.join(host()?).join(programs))
}

/// Returns the target triple of this machine.
fn host() -> Result<String, Failure> {
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("-vV")
        .output()
        .map_err(|error| format!("rustc does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".to_owned())
}

/// Runs a target, and returns its summary.
fn fuzz(programs: &Path, target: &str, seconds: u32) -> Result<String, Failure> {
    let root = cargo::workspace_root();
    let made = |folder: PathBuf| {
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok::<_, Failure>(folder)
    };
    // New inputs go into the first folder; the corpus in the repository is only read.
    let found = made(root.join("fuzz/target/found").join(target))?;
    let artifacts = made(root.join("fuzz/artifacts").join(target))?;
    let mut program = Command::new(programs.join(target));
    program
        .current_dir(&root)
        .arg(&found)
        .arg(format!("fuzz/corpus/{target}"))
        .args([format!("-max_total_time={seconds}"), "-timeout=10".to_owned()])
        .arg(format!("-artifact_prefix={}/", artifacts.display()));
    // Some targets write files, and a disk would slow them down.
    if Path::new("/dev/shm").is_dir() {
        program.env("TMPDIR", "/dev/shm");
    }
    let output = program.output().map_err(|error| format!("it does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(final_summary(&said).to_owned())
    } else {
        Err(format!("{said}\nTo see it again: cargo fuzz run --sanitizer none {target} FILE"))
    }
}

/// Finds libFuzzer's summary of a run without a failure.
fn final_summary(said: &str) -> &str {
    said.lines().rev().find(|line| line.starts_with("Done ")).unwrap_or("ended without a summary")
}

/// Lists the names of the `[[bin]]` tables of a manifest.
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
    use super::{final_summary, targets};

    #[test]
    fn the_summary_of_a_run_is_found() {
        assert_eq!(final_summary("#1 INITED\nDone 5 runs in 1 second(s)\n\n"), "Done 5 runs in 1 second(s)");
        assert_eq!(final_summary(""), "ended without a summary");
    }

    #[test]
    fn only_names_of_bins_are_targets() {
        let manifest = "[package]\nname = \"fuzz\"\n[[bin]]\nname = \"one\"\npath = \"a\"\n\n[[bin]]\npath = \"b\"\n\
                        name=\"two\"\n[dependencies]\nname = \"1\"\n";
        assert_eq!(targets(manifest), ["one", "two"]);
    }
}
