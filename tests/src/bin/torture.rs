//! Kills processes that write, and checks what is left: what `cargo xtask torture` starts.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::process::ExitCode;
use std::time::Instant;

use keyway_tests::torture::cuts::Cuts;
use keyway_tests::torture::ledger::Finding;
use keyway_tests::torture::secrets::{self, CutOptions, Defect, Tasks};
use keyway_tests::torture::trace::strace;
use keyway_tests::torture::{Report, samples};
use lexopt::ValueExt as _;

const USAGE: &str = "\
Usage: cargo xtask torture AREA [OPTIONS]

Areas:
  secrets           secret stores: records on SQLite, and Convection's files

  --kills N         how many processes are killed (default 200)
  --power-cuts N    how many power cuts are made from a traced run afterwards (default 150; needs strace)
  --seed S          the seed of all choices (default 1)
  --defect DEFECT   do something wrong on purpose, to see that it is noticed:
                    acknowledges-before-writing or writes-in-place
";

/// A progress line comes each time that so many more were killed.
const KILLS_A_LINE: u64 = 50;

struct Arguments {
    area: String,
    kills: u64,
    power_cuts: usize,
    seed: u64,
    defect: Option<Defect>,
}

fn main() -> ExitCode {
    let mut raw = std::env::args().skip(1);
    let outcome = match (raw.next().as_deref(), raw.next()) {
        // What the torture and its tests start themselves.
        (Some("sample"), Some(name)) => {
            let folder = raw.next().unwrap_or_default();
            samples::write(&name, folder.as_ref()).map(|()| true)
        }
        (Some("child"), Some(plan)) => {
            secrets::child(&plan).map(|()| true).map_err(|error| error.to_string())
        }
        _ => match arguments() {
            Ok(None) => {
                print!("{USAGE}");
                Ok(true)
            }
            Ok(Some(arguments)) => torture(&arguments),
            Err(error) => Err(format!("{error}\n\n{USAGE}")),
        },
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Option<Arguments>, lexopt::Error> {
    let mut given = Arguments { area: String::new(), kills: 200, power_cuts: 150, seed: 1, defect: None };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Value(area) if given.area.is_empty() => given.area = area.string()?,
            lexopt::Arg::Long("kills") => given.kills = arguments.value()?.parse()?,
            lexopt::Arg::Long("power-cuts") => given.power_cuts = arguments.value()?.parse()?,
            lexopt::Arg::Long("seed") => given.seed = arguments.value()?.parse()?,
            lexopt::Arg::Long("defect") => {
                given.defect = Some(match arguments.value()?.string()?.as_str() {
                    "acknowledges-before-writing" => Defect::AcknowledgesBeforeWriting,
                    "writes-in-place" => Defect::WritesInPlace,
                    other => return Err(format!("there is no defect {other:?}").into()),
                });
            }
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    match given.area.as_str() {
        "secrets" => Ok(Some(given)),
        "" => Err("which area?".into()),
        other => Err(format!("there is no area {other:?}").into()),
    }
}

fn torture(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { kills, power_cuts, seed, defect, .. } = *arguments;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    println!("torture of secrets: {kills} kills, seed {seed}");
    let begun = Instant::now();
    let mut told = 0;
    let mut tell = |report: &Report| {
        if report.kills / KILLS_A_LINE > told {
            told = report.kills / KILLS_A_LINE;
            let (lost, corrupt) = (report.lost(), report.corrupt());
            println!("{} kills, {} checks: lost {lost}, corrupt {corrupt}", report.kills, report.checks);
        }
    };
    let report = secrets::run(&secrets::Options { program, kills, seed, defect }, &mut tell)
        .map_err(|error| with_sources(&error))?;
    let again =
        format!("cargo xtask torture secrets --kills {kills} --power-cuts {power_cuts} --seed {seed}");
    let Report { kills, checks, acknowledged, .. } = report;
    println!("{kills} kills, {checks} checks, {acknowledged} acknowledged operations");
    let mut reports = vec![report];
    if power_cuts > 0 && defect.is_none() {
        reports.extend(cut_power(arguments)?);
    }
    for report in &reports {
        for finding in &report.findings {
            match finding {
                Finding::Lost(what) => println!("LOST     {what}"),
                Finding::Corrupt(what) => println!("CORRUPT  {what}"),
            }
        }
        for folder in &report.kept {
            println!("what is wrong was kept in {}", folder.display());
        }
    }
    println!("{} s; again: {again}", begun.elapsed().as_secs());
    let (lost, corrupt) = (sum(&reports, Report::lost), sum(&reports, Report::corrupt));
    println!("lost {lost}, corrupt {corrupt}");
    Ok(lost + corrupt == 0)
}

fn sum(reports: &[Report], count: fn(&Report) -> usize) -> usize {
    reports.iter().map(count).sum()
}

/// A kill does not test the disk: cuts the power of a traced process.
fn cut_power(arguments: &Arguments) -> Result<Option<Report>, String> {
    let strace = match strace() {
        Ok(strace) => strace,
        Err(skip) => {
            println!("no power cuts: {skip}");
            return Ok(None);
        }
    };
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let acknowledgements = arguments.power_cuts / 3;
    let cuts =
        Cuts { seed: arguments.seed, acknowledgements, anywhere: arguments.power_cuts - acknowledgements };
    let tasks = Tasks { operations: 6, ..Tasks::ALL };
    let report = secrets::power_cuts(&CutOptions { program, strace, tasks, rotates: true, cuts })
        .map_err(|error| with_sources(&error))?;
    let (lost, corrupt) = (report.lost(), report.corrupt());
    println!("{} power cuts: lost {lost}, corrupt {corrupt}", report.checks);
    Ok(Some(report))
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
