//! Kills processes that write, and checks their data; `cargo xtask torture` starts it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use keyway_tests::sshd::OpenSsh;
use keyway_tests::torture::cuts::Cuts;
use keyway_tests::torture::ledger::Finding;
use keyway_tests::torture::trace::strace;
use keyway_tests::torture::{
    Options, Report, TortureError, grants, orders, samples, secrets, sessions, ssh_files,
};
use lexopt::ValueExt as _;

const USAGE: &str = "\
Usage: cargo xtask torture AREA [OPTIONS]

Areas:
  secrets           secret stores: records on SQLite, and Convection's files
  grants            credentials that issuers make: the records of several hosts on SQLite, against the accounts
  orders            certificate orders: the records of several hosts on SQLite, against the books of an authority
  sessions          sessions that check credentials out: the records of several hosts on SQLite, against the vaults

  --kills N         how many processes are killed (default 200)
  --power-cuts N    how many power cuts are made from a traced run afterwards (default 150; needs strace;
                    none for orders and sessions)
  --seed S          the seed of all choices (default 1)
  --defect DEFECT   do something wrong on purpose, to see that it is noticed:
                    acknowledges-before-writing; of secrets also writes-in-place or splits-batches;
                    of grants also makes-another, denies-what-it-made or keeps-what-is-revoked; of orders also
                    places-another, finalizes-another, forgets-notices, keeps-late-certificates or
                    keeps-late-acme-certificates; of sessions also gives-another, keeps-leases, forgets-ends,
                    forgets-authentications, promotes-unverified or changes-before-storing
";

/// The number of kills between two progress lines.
const KILLS_A_LINE: u64 = 50;

struct Arguments {
    area: Area,
    kills: u64,
    power_cuts: usize,
    seed: u64,
}

/// The tortured area, and its deliberate defect.
#[derive(Clone, Copy)]
enum Area {
    Secrets(Option<secrets::Defect>),
    Grants(Option<grants::Defect>),
    Orders(Option<orders::Defect>),
    Sessions(Option<sessions::Defect>),
}

fn main() -> ExitCode {
    let mut raw = std::env::args().skip(1);
    let outcome = match (raw.next().as_deref(), raw.next()) {
        // The torture test and its own tests start this program again with these commands.
        (Some("sample"), Some(name)) => {
            let folder = raw.next().unwrap_or_default();
            samples::write(&name, folder.as_ref()).map(|()| true)
        }
        (Some("child"), Some(plan)) => {
            secrets::child(&plan).map(|()| true).map_err(|error| error.to_string())
        }
        (Some("grants"), Some(plan)) if plan.starts_with('{') => {
            grants::child(&plan).map(|()| true).map_err(|error| error.to_string())
        }
        (Some("orders"), Some(plan)) if plan.starts_with('{') => {
            orders::child(&plan).map(|()| true).map_err(|error| error.to_string())
        }
        (Some("sessions"), Some(plan)) if plan.starts_with('{') => {
            sessions::child(&plan).map(|()| true).map_err(|error| error.to_string())
        }
        (Some("issuer"), Some(folder)) => {
            let seed = raw.next().unwrap_or_default();
            grants::executable(folder.as_ref(), &seed, raw.next()).map(|()| true)
        }
        (Some("ssh-files"), Some(folder)) => ssh_files::write(folder.as_ref()).map(|()| true),
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
    let (mut area, mut defect) = (None, None);
    let (mut kills, mut power_cuts, mut seed) = (200, 150, 1);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Value(given) if area.is_none() => area = Some(given.string()?),
            lexopt::Arg::Long("kills") => kills = arguments.value()?.parse()?,
            lexopt::Arg::Long("power-cuts") => power_cuts = arguments.value()?.parse()?,
            lexopt::Arg::Long("seed") => seed = arguments.value()?.parse()?,
            lexopt::Arg::Long("defect") => defect = Some(arguments.value()?.string()?),
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    let area = match area.as_deref() {
        Some("secrets") => Area::Secrets(named(defect.as_deref(), secrets::Defect::of)?),
        Some("grants") => Area::Grants(named(defect.as_deref(), grants::Defect::of)?),
        Some("orders") => Area::Orders(named(defect.as_deref(), orders::Defect::of)?),
        Some("sessions") => Area::Sessions(named(defect.as_deref(), sessions::Defect::of)?),
        None => return Err("which area?".into()),
        Some(other) => return Err(format!("there is no area {other:?}").into()),
    };
    Ok(Some(Arguments { area, kills, power_cuts, seed }))
}

fn named<T>(name: Option<&str>, of: fn(&str) -> Option<T>) -> Result<Option<T>, lexopt::Error> {
    name.map(|name| of(name).ok_or_else(|| format!("there is no defect {name:?} here").into())).transpose()
}

impl Area {
    fn name(self) -> &'static str {
        match self {
            Self::Secrets(_) => "secrets",
            Self::Grants(_) => "grants",
            Self::Orders(_) => "orders",
            Self::Sessions(_) => "sessions",
        }
    }

    /// Returns the verdict as text: the number of findings of each kind.
    fn verdict(self, reports: &[Report]) -> String {
        let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
        let verdict = format!("lost {}, corrupt {}", sum(Report::lost), sum(Report::corrupt));
        match self {
            Self::Secrets(_) => verdict,
            Self::Grants(_) | Self::Orders(_) => format!("{verdict}, doubled {}", sum(Report::doubled)),
            Self::Sessions(_) => {
                let (doubled, locked_out) = (sum(Report::doubled), sum(Report::locked_out));
                format!("{verdict}, doubled {doubled}, locked out {locked_out}")
            }
        }
    }
}

fn torture(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { area, kills, power_cuts, seed } = *arguments;
    let program = program()?;
    println!("torture of {}: {kills} kills, seed {seed}", area.name());
    let begun = Instant::now();
    let mut told = 0;
    let mut tell = |report: &Report| {
        if report.kills / KILLS_A_LINE > told {
            told = report.kills / KILLS_A_LINE;
            let verdict = area.verdict(std::slice::from_ref(report));
            println!("{} kills, {} checks: {verdict}", report.kills, report.checks);
        }
    };
    let (report, is_sound) = match area {
        Area::Secrets(defect) => {
            let options = Options { program, kills, seed, most_findings: 20, defect };
            (secrets::run(&options, &mut tell), defect.is_none())
        }
        Area::Grants(defect) => {
            let options = Options { program, kills, seed, most_findings: 20, defect };
            (grants::run(&options, &mut tell), defect.is_none())
        }
        Area::Orders(defect) => {
            let options = Options { program, kills, seed, most_findings: 20, defect };
            // `false` skips the power cuts: the authority stands for a remote service, and the files of its records are
            // not synced.
            (orders::run(&options, &mut tell), false)
        }
        Area::Sessions(defect) => {
            if let Err(skip) = OpenSsh::find() {
                println!("no logins at a real sshd: {skip}");
            }
            let options = Options { program, kills, seed, most_findings: 20, defect };
            (sessions::run(&options, &mut tell), false)
        }
    };
    let report = report.map_err(|error| with_sources(&error))?;
    println!(
        "{} kills, {} checks, {} acknowledged operations",
        report.kills, report.checks, report.acknowledged
    );
    let mut reports = vec![report];
    if power_cuts > 0 && is_sound {
        reports.extend(cut_power(arguments)?);
    }
    for report in &reports {
        for finding in &report.findings {
            match finding {
                Finding::Lost(what) => println!("LOST     {what}"),
                Finding::Corrupt(what) => println!("CORRUPT  {what}"),
                Finding::Doubled(what) => println!("DOUBLED  {what}"),
                Finding::LockedOut(what) => println!("LOCKED OUT {what}"),
            }
        }
        for folder in &report.kept {
            println!("the faulty folders were kept in {}", folder.display());
        }
    }
    println!(
        "{} s; again: cargo xtask torture {} --kills {kills} --power-cuts {power_cuts} --seed {seed}",
        begun.elapsed().as_secs(),
        area.name()
    );
    println!("{}", area.verdict(&reports));
    Ok(reports.iter().all(|report| report.findings.is_empty()))
}

fn program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| error.to_string())
}

/// Simulates power cuts of traced processes. A kill does not test whether data have reached the disk.
fn cut_power(arguments: &Arguments) -> Result<Vec<Report>, String> {
    let strace = match strace() {
        Ok(strace) => strace,
        Err(skip) => {
            println!("no power cuts: {skip}");
            return Ok(Vec::new());
        }
    };
    let program = program()?;
    let Arguments { area, power_cuts, seed, .. } = *arguments;
    let cuts = |count: usize| Cuts { seed, acknowledgements: count / 3, anywhere: count - count / 3 };
    let told = |what: &str, report: Result<Report, TortureError>| {
        let report = report.map_err(|error| with_sources(&error))?;
        println!("{} power cuts{what}: {}", report.checks, area.verdict(std::slice::from_ref(&report)));
        Ok::<_, String>(report)
    };
    match area {
        Area::Secrets(_) => {
            let tasks = secrets::Tasks { operations: 6, ..secrets::Tasks::ALL };
            let cuts = cuts(power_cuts);
            let options = secrets::CutOptions { program, strace, tasks, rotates: true, cuts };
            Ok(vec![told("", secrets::power_cuts(&options))?])
        }
        Area::Orders(_) | Area::Sessions(_) => Ok(Vec::new()),
        Area::Grants(_) => {
            let tasks = grants::Tasks { operations: 20, ..grants::Tasks::ALL };
            let files = ssh_files::CutOptions {
                program: program.clone(),
                strace: strace.clone(),
                cuts: cuts(power_cuts / 3),
                defect: None,
            };
            let cuts = cuts(power_cuts - power_cuts / 3);
            let records = grants::CutOptions { program, strace, tasks, cuts, disk_lies: false };
            Ok(vec![
                told(" under the records", grants::power_cuts(&records))?,
                told(" under the files of keyway-ssh", ssh_files::power_cuts(&files))?,
            ])
        }
    }
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
