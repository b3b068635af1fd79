//! Runs the conformance suites over all plugins of this workspace; `cargo xtask conformance` and
//! `cargo xtask rules` start it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod authorities;
mod candidates;
mod projects;
mod vaults;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use keyway_conformance::{
    Candidate, Format, Matrix, MatrixRow, Mutant, Report, RunOptions, Subject, Suite, certificates,
    credentials, front, issuers, metadata, secrets, storage,
};
use keyway_process::ProfileChoice;
use keyway_tests::rules_page;
use lexopt::ValueExt as _;

const USAGE: &str = "\
Usage: cargo xtask conformance [OPTIONS]

  --plugin ID       only this plugin or engine
  --kind KIND       only this kind: secret, issuer, certificate, credential, storage or metadata
  --rule ID         only rules whose ids begin with this
  --seed N          the seed of the random choices (default: KEYWAY_SEED, else 1)
  --format FORMAT   table (default), json, junit or markdown
  --mutants         run the suites on plugins that are broken on purpose, and print which rule caught which:
                    each with the rules that have to catch it
      --every-rule  each with every rule, to see what else fires (takes minutes, and says on standard error
                    what is done)
      --mutant NAME only mutants whose names begin with this; nothing is said of the others
  --coverage        print from which clause each rule comes

  --exec PATH       run the suite for issuers on this executable, and on nothing else
      --argument A     an argument that it always gets (may be repeated)
      --profile NAME   strict (default); lenient, for old executables; seed, for those that were written from the text of
                       the seed alone: padded base64, always by argument
      --parallel N     how many runs of it at once (default: 4; with the lenient profile 1, as real hosts do
                       it unless they are told otherwise)
      --allow-argv     let requests go by argument when it reads no standard input
      --idempotent     it makes one credential for one intent
      --request FILE   a request that it answers with a credential, as JSON with the keys user_info, conf_params,
                       params, additional_logins and access_token; {scratch} in a text of conf_params
                       stands for a fresh folder
      --refused FILE   a request that it refuses, likewise
";

/// The options of the command line.
#[derive(Default)]
struct Options {
    plugin: Option<String>,
    kind: Option<String>,
    rule: Option<String>,
    seed: Option<u64>,
    format: Format,
    task: Task,
    every_rule: bool,
    mutant: Option<String>,
    executable: Option<PathBuf>,
    arguments: Vec<String>,
    profile: ProfileChoice,
    parallel: Option<NonZeroUsize>,
    allow_argv: bool,
    idempotent: bool,
    request: Option<PathBuf>,
    refused: Option<PathBuf>,
}

/// The task that was chosen.
#[derive(Clone, Copy, Default)]
enum Task {
    #[default]
    Run,
    Mutants,
    Coverage,
    /// Prints `docs/rules.md`, for `cargo xtask rules`.
    Rules,
}

fn main() -> ExitCode {
    if let Some(ended) = candidates::run_as_executable() {
        return ended;
    }
    if let Some(ended) = front::second_run(candidates::of_second_run) {
        return ended;
    }
    let outcome = options().and_then(|options| match options {
        None => {
            print!("{USAGE}");
            Ok(true)
        }
        Some(options) => match options.task {
            Task::Run => conformance(&options),
            Task::Mutants => mutants(&options),
            Task::Coverage => {
                let (text, whole) = rules_page::coverage();
                print!("{text}");
                Ok(whole)
            }
            Task::Rules => {
                print!("{}", rules_page::page());
                Ok(true)
            }
        },
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Option<Options>, String> {
    read_options().map_err(|error| format!("{error}\n\n{USAGE}"))
}

fn read_options() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options::default();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("plugin") => options.plugin = Some(arguments.value()?.string()?),
            lexopt::Arg::Long("kind") => options.kind = Some(arguments.value()?.string()?),
            lexopt::Arg::Long("rule") => options.rule = Some(arguments.value()?.string()?),
            lexopt::Arg::Long("seed") => options.seed = Some(arguments.value()?.parse()?),
            lexopt::Arg::Long("format") => {
                let name = arguments.value()?.string()?;
                options.format = Format::from_name(&name)
                    .ok_or_else(|| format!("there is no format {name:?}: table, json, junit or markdown"))?;
            }
            lexopt::Arg::Long("mutants") => options.task = Task::Mutants,
            lexopt::Arg::Long("every-rule") => options.every_rule = true,
            lexopt::Arg::Long("mutant") => options.mutant = Some(arguments.value()?.string()?),
            lexopt::Arg::Long("coverage") => options.task = Task::Coverage,
            lexopt::Arg::Long("rules") => options.task = Task::Rules,
            lexopt::Arg::Long("exec") => options.executable = Some(arguments.value()?.into()),
            lexopt::Arg::Long("argument") => options.arguments.push(arguments.value()?.string()?),
            lexopt::Arg::Long("profile") => {
                let name = arguments.value()?.string()?;
                options.profile = ProfileChoice::ALL
                    .into_iter()
                    .find(|profile| profile.word() == name)
                    .ok_or_else(|| format!("there is no profile {name:?}: strict, lenient or seed"))?;
                options.allow_argv |= options.profile == ProfileChoice::Seed;
            }
            lexopt::Arg::Long("parallel") => options.parallel = Some(arguments.value()?.parse()?),
            lexopt::Arg::Long("allow-argv") => options.allow_argv = true,
            lexopt::Arg::Long("idempotent") => options.idempotent = true,
            lexopt::Arg::Long("request") => options.request = Some(arguments.value()?.into()),
            lexopt::Arg::Long("refused") => options.refused = Some(arguments.value()?.into()),
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

impl Options {
    fn run_options(&self) -> RunOptions {
        let mut options = front::options();
        if let Some(seed) = self.seed {
            options = options.seed(seed);
        }
        if let Some(rule) = &self.rule {
            options = options.only(rule);
        }
        options
    }

    fn wants(&self, candidate: &Candidate) -> bool {
        self.plugin.as_ref().is_none_or(|plugin| *plugin == candidate.name())
            && self.kind.as_ref().is_none_or(|kind| kind == candidate.kind())
    }
}

fn conformance(options: &Options) -> Result<bool, String> {
    let candidates = match &options.executable {
        Some(path) => vec![candidates::executable(path, options)?],
        None => candidates::all()?,
    };
    let candidates: Vec<_> = candidates.into_iter().filter(|candidate| options.wants(candidate)).collect();
    let run_options = options.run_options();
    let chosen = |rule: &str| options.rule.as_ref().is_none_or(|prefix| rule.starts_with(prefix));
    let rules: Vec<(usize, &'static str)> = candidates
        .iter()
        .enumerate()
        .flat_map(|(at, candidate)| candidate.rules().into_iter().map(move |rule| (at, rule.id)))
        .filter(|(_, rule)| chosen(rule))
        .collect();
    let progress = bar(rules.len());
    let mut report = Report::default();
    for (at, rule) in rules {
        let candidate = &candidates[at];
        progress.set_message(format!("{} {rule}", candidate.name()));
        report.append(candidate.run(&run_options.clone().only(rule)));
        progress.inc(1);
    }
    progress.finish_and_clear();
    print!("{}", report.format(options.format));
    if options.format != Format::Table && !report.succeeded() {
        // The other formats are for programs, so a reader at the terminal gets the last line of the table on standard
        // error.
        eprintln!("{}", last_line(&report.format(Format::Table)));
    }
    Ok(report.succeeded())
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default()
}

fn mutants(options: &Options) -> Result<bool, String> {
    let wants = |kind: &str| options.kind.as_ref().is_none_or(|wanted| wanted == kind);
    if !["secret", "issuer", "certificate", "credential", "storage", "metadata"].into_iter().any(wants) {
        return Err(
            "there are mutants of these kinds: secret, issuer, certificate, credential, storage and metadata"
                .to_owned(),
        );
    }
    let mut matrix = Matrix::default();
    let progress = bar(0);
    // A mutant may panic. The matrix shows that, so the message of the panic is not printed.
    std::panic::set_hook(Box::new(|_| {}));
    if wants("storage") {
        matrix.append(try_each(&storage::suite(), storage::mutants::all(), options, &progress));
    }
    if wants("metadata") {
        matrix.append(try_each(&metadata::suite(), metadata::mutants::all(), options, &progress));
    }
    if wants("issuer") {
        matrix.append(try_each(&issuers::suite(), issuers::mutants::all(), options, &progress));
    }
    if wants("certificate") {
        matrix.append(try_each(&certificates::suite(), certificates::mutants::all(), options, &progress));
    }
    if wants("credential") {
        matrix.append(try_each(&credentials::suite(), credentials::mutants::all(), options, &progress));
    }
    if wants("secret") {
        matrix.append(try_each(&secrets::suite(), secrets::mutants::of_stores(), options, &progress));
        let of_clients = secrets::mutants::of_clients();
        matrix.append(try_each(&secrets::client::suite(), of_clients, options, &progress));
    }
    if options.mutant.is_some() {
        // A run of chosen mutants cannot show that a rule has no mutant, so the matrix leaves out the rules without a
        // mutant in this run.
        matrix.rules.retain(|rule| matrix.rows.iter().any(|row| row.breaks == *rule));
    }
    progress.finish_and_clear();
    print!("{}", matrix.format());
    Ok(matrix.faults().is_empty())
}

/// Runs the mutants of a suite that the options choose.
fn try_each<S: Subject + ?Sized>(
    suite: &Suite<S>,
    mut mutants: Vec<Mutant<S>>,
    options: &Options,
    progress: &ProgressBar,
) -> Matrix {
    if let Some(prefix) = &options.mutant {
        mutants.retain(|mutant| mutant.name.starts_with(prefix));
    }
    progress.inc_length(mutants.len() as u64);
    // A mutant may wait for ever; a sound subject never takes this long.
    let run_options = options.run_options().deadline(Duration::from_secs(15));
    // The run takes minutes, so it shows its progress, also without a terminal.
    let each = |row: &MatrixRow| {
        progress.set_message(row.mutant);
        progress.inc(1);
        if options.every_rule {
            progress.suspend(|| eprintln!("{} {:.1} s", row.mutant, row.took.as_secs_f32()));
        }
    };
    Matrix::run(suite, &mutants, options.every_rule, &run_options, &each)
}

/// Returns a progress bar on a terminal, and nothing elsewhere.
fn bar(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}
