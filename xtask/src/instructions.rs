//! `cargo xtask instructions`: counts the instructions of the hot paths under callgrind and compares them with the
//! committed baseline.
//!
//! Instruction counts, unlike times, are the same on a busy machine. They depend on the compiler, so the baseline names
//! its compiler, and counts of another compiler are not compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use crate::{Failure, cargo};

const BASELINE: &str = "benches/hot-paths/baseline.json";
/// The allowed deviation from the baseline. A large gain also requires a new baseline.
const TOLERANCE: f64 = 0.03;
const FEW: u64 = 500;
const MANY: u64 = 2500;

/// Runs the task. Without valgrind, or with another compiler than the baseline's, prints one line and succeeds.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut update = false;
    while let Some(argument) = arguments.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Long("update") => update = true,
            other => return Err(other.unexpected().to_string()),
        }
    }
    if !cargo::answers("valgrind", &["--version"]) {
        println!("missing: valgrind; skipped: the instruction counts of the hot paths");
        return Ok(());
    }
    let compiler = compiler()?;
    let file = cargo::workspace_root().join(BASELINE);
    let baseline = if update { None } else { Some(read(&file)?) };
    if let Some(baseline) = &baseline
        && baseline["compiler"] != Value::String(compiler.clone())
    {
        println!(
            "skipped: the instruction counts of the hot paths; the baseline is of {}, and this is {compiler}",
            baseline["compiler"]
        );
        return Ok(());
    }
    let program = build()?;
    let mut counts = Map::new();
    for path in paths(&program)? {
        let per_call = (count(&program, &path, MANY)? - count(&program, &path, FEW)?) / (MANY - FEW);
        counts.insert(path, json!(per_call));
    }
    match baseline {
        None => {
            let text = serde_json::to_string_pretty(&json!({ "compiler": compiler, "instructions": counts }))
                .map_err(|error| error.to_string())?;
            fs::write(&file, text + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
            println!("{BASELINE}: {} hot paths", counts.len());
            Ok(())
        }
        Some(baseline) => compare(&baseline, &counts),
    }
}

fn compare(baseline: &Value, counts: &Map<String, Value>) -> Result<(), Failure> {
    let mut outside = Vec::new();
    for (path, count) in counts {
        let now = count.as_f64().unwrap_or(0.0);
        let Some(before) = baseline["instructions"][path].as_f64() else {
            outside.push(format!("{path} is not in the baseline"));
            continue;
        };
        let change = now / before - 1.0;
        println!("{path:8} {now:>8} instructions, {:+.1} % of the baseline's {before}", change * 100.0);
        if change.abs() > TOLERANCE {
            outside.push(format!("{path} changed by {:+.1} %", change * 100.0));
        }
    }
    let known = baseline["instructions"].as_object().into_iter().flat_map(Map::keys);
    let lost = known.filter(|path| !counts.contains_key(*path));
    outside.extend(lost.map(|path| format!("{path} is only in the baseline")));
    if outside.is_empty() {
        return Ok(());
    }
    Err(format!(
        "instruction counts are not within {} % of the baseline: {}\nif that is meant: cargo xtask instructions --update",
        TOLERANCE * 100.0,
        outside.join("; ")
    ))
}

fn compiler() -> Result<String, Failure> {
    let output = cargo::output(Command::new("rustc").arg("--version"))?;
    Ok(format!("{} on {}", String::from_utf8_lossy(&output.stdout).trim(), std::env::consts::ARCH))
}

fn read(file: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn build() -> Result<PathBuf, Failure> {
    let build = ["--quiet", "--profile", "instructions", "--package", "keyway-hot-paths"];
    if !cargo::succeeds(cargo::cargo(&["build"]).args(build))? {
        return Err("the hot paths do not compile".to_owned());
    }
    Ok(cargo::target_directory()
        .join("instructions/keyway-hot-paths")
        .with_extension(std::env::consts::EXE_EXTENSION))
}

fn paths(program: &Path) -> Result<Vec<String>, Failure> {
    let output = cargo::output(Command::new(program).arg("list"))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// Counts the instructions of a whole run.
fn count(program: &Path, path: &str, times: u64) -> Result<u64, Failure> {
    let output = cargo::output(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args([path, &times.to_string()])
            .stdin(Stdio::null()),
    )?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{path} failed under valgrind:\n{said}"));
    }
    collected(&said).ok_or_else(|| format!("valgrind did not say what it counted for {path}:\n{said}"))
}

/// Reads the number in callgrind's line `Collected : 123`.
fn collected(said: &str) -> Option<u64> {
    let (_, rest) = said.lines().find_map(|line| line.split_once("Collected :"))?;
    rest.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 299176\n"), Some(299_176));
        assert_eq!(collected("nothing"), None);
    }

    #[test]
    fn more_than_the_tolerance_is_a_failure_in_both_directions() {
        let baseline = json!({ "instructions": { "a": 1000 } });
        let counts = |count: u64| Map::from_iter([("a".to_owned(), json!(count))]);
        assert!(compare(&baseline, &counts(1029)).is_ok() && compare(&baseline, &counts(971)).is_ok());
        assert!(compare(&baseline, &counts(1031)).is_err());
        assert!(compare(&baseline, &counts(969)).is_err());
        assert!(compare(&json!({ "instructions": {} }), &counts(1000)).is_err());
    }

    #[test]
    fn a_path_that_the_program_lost_is_a_failure() {
        let baseline = json!({ "instructions": { "a": 1000, "gone": 1000 } });
        let told = compare(&baseline, &Map::from_iter([("a".to_owned(), json!(1000))])).unwrap_err();
        assert!(told.contains("gone") && !told.contains("a changed"), "{told}");
    }
}
