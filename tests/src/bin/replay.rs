//! Replays golden vectors; `cargo xtask replay` starts it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use keyway_tests::replay::{Report, decided_table, golden_path, read_file, replay, vector_files};

const USAGE: &str = "\
Usage: cargo xtask replay FILE...
       cargo xtask replay --update

  FILE...    files of vectors: what upstream systems were observed to do
  --update   replay the vectors of the repository, and write down how many each decision overrules
";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, String> {
    let (mut files, mut update) = (Vec::<PathBuf>::new(), false);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Long("update") => update = true,
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => {
                print!("{USAGE}");
                return Ok(true);
            }
            lexopt::Arg::Value(file) => files.push(OsString::into(file)),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected())),
        }
    }
    if update != files.is_empty() {
        return Err(format!("give files, or --update\n\n{USAGE}"));
    }
    if update {
        files = vector_files().map_err(|error| format!("the folder of vectors cannot be read: {error}"))?;
    }
    // All files are read before the replay, so that a missing file is reported at once.
    let read: Vec<_> = files
        .iter()
        .map(|file| read_file(file))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let mut reports: Vec<(String, Report)> = Vec::new();
    let mut total = Report::default();
    for (file, vectors) in files.iter().zip(read) {
        let report = quietly(|| replay(&vectors));
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        reports.push((name, report.clone()));
        total.add(report);
    }
    print!("{total}");
    if update && total.is_success() {
        fs::write(golden_path(), decided_table(&reports))
            .map_err(|error| format!("it cannot be written: {error}"))?;
    }
    Ok(total.is_success())
}

/// Runs a function without panic messages, because a panic is reported with its vector.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let answer = work();
    std::panic::set_hook(hook);
    answer
}
