//! Measures the areas and compares the figures with their targets; `cargo xtask bench` runs it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::{fs, path::PathBuf, process::ExitCode};

use keyway_benches::{
    areas::{AREAS, Area, BenchError},
    row::{Row, table},
};

struct Options {
    areas: Vec<&'static Area>,
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match options().and_then(|options| options.map_or(Ok(true), |options| measure(&options))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            eprintln!("{trouble}");
            ExitCode::FAILURE
        }
    }
}

/// Parses the arguments. Returns `None` when only the list of areas was requested.
fn options() -> Result<Option<Options>, BenchError> {
    let mut options = Options { areas: Vec::new(), json: None };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Value(name) => {
                let area = AREAS.iter().find(|area| name == area.name).ok_or_else(|| {
                    format!("no area is called {}; there are {}", name.to_string_lossy(), names())
                })?;
                options.areas.push(area);
            }
            lexopt::Arg::Long("json") => options.json = Some(arguments.value()?.into()),
            lexopt::Arg::Long("list") => {
                for area in AREAS {
                    println!("{:<15} {}", area.name, area.about);
                }
                return Ok(None);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if options.areas.is_empty() {
        options.areas = AREAS.iter().collect();
    }
    Ok(Some(options))
}

fn names() -> String {
    AREAS.iter().map(|area| area.name).collect::<Vec<_>>().join(", ")
}

fn measure(options: &Options) -> Result<bool, BenchError> {
    let mut rows = Vec::<Row>::new();
    let mut broken = Vec::new();
    for area in &options.areas {
        eprintln!("measuring {}: {}", area.name, area.about);
        match (area.run)(area.name) {
            Ok(more) => rows.extend(more),
            Err(trouble) => broken.push(format!("{} could not be measured: {trouble}", area.name)),
        }
    }
    print!("{}", table(&rows));
    if let Some(file) = &options.json {
        let rows: Vec<_> = rows.iter().map(Row::to_json).collect();
        fs::write(file, serde_json::to_string_pretty(&rows)? + "\n")
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    for trouble in &broken {
        eprintln!("{trouble}");
    }
    let held = rows.iter().filter(|row| row.target.is_some()).count();
    let short = rows.iter().filter(|row| !row.ok()).count();
    println!("{} figures, {held} with a target, {short} fell short", rows.len());
    Ok(short == 0 && broken.is_empty() && held > 0)
}
