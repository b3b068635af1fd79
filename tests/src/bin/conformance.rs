//! Runs the conformance suites over everything that this workspace has: what
//! `cargo xtask conformance` and `cargo xtask rules` start.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
use keyway_conformance::metadata::RegisteredPlugin;
use keyway_conformance::secrets::mutants::MutantOptions;
use keyway_conformance::secrets::{GenerationExample, SecretStoreSubject};
use keyway_conformance::storage::StorageSubject;
use keyway_conformance::{
    Candidate, Format, Matrix, MatrixRow, Report, RunOptions, front, issuers, metadata, secrets, storage,
};
use keyway_core::{Plugins, Registry, Table, plugins};
use keyway_issuers::State;
use keyway_process::{ProcessConfiguration, ProfileChoice};
use keyway_ssh::CertificateAuthorityKey;
use keyway_storage::{CommitMode, Memory, Sqlite, Storage};
use keyway_tests::rules_page;
use lexopt::ValueExt as _;
use serde_json::json;

/// Everything that is linked.
const PLUGINS: Plugins =
    plugins! { keyway_generic, keyway_convection, keyway_passdb, keyway_process, keyway_info, keyway_ssh };

/// The issuer that this program is when it is run as an executable under test.
const EXECUTABLE: Plugins = plugins! { keyway_tests::echo_issuer };

/// The environment variable that makes this program that executable.
const AS_EXECUTABLE: &str = "KEYWAY_CONFORMANCE_EXECUTABLE";

const USAGE: &str = "\
Usage: cargo xtask conformance [OPTIONS]

  --plugin ID       only this plugin or engine
  --kind KIND       only this kind: secret, issuer, storage or metadata
  --rule ID         only rules whose ids begin with this
  --seed N          the seed of the random choices (default: KEYWAY_SEED, else 1)
  --format FORMAT   table (default), json, junit or markdown
  --mutants         run the suites on plugins that are broken on purpose, and print which rule caught which:
                    each with the rules that have to catch it
      --every-rule  each with every rule, to see what else fires (takes minutes, and says on standard error
                    what is done)
      --mutant NAME only mutants of secret stores whose names begin with this; nothing is said of the others
  --coverage        print from which clause each rule comes

  --exec PATH       run the suite for issuers on this executable, and on nothing else
      --argument A     an argument that it always gets (may be repeated)
      --profile NAME   strict (default) or lenient, for old executables
      --parallel N     how many runs of it at once (default: 4; with the lenient profile 1, as real hosts do
                       it unless they are told otherwise)
      --allow-argv     let requests go by argument when it reads no standard input
      --idempotent     it makes one credential for one intent
      --request FILE   a request that it answers with a credential, as JSON with the keys user_info, conf_params,
                       params, additional_logins and access_token; {scratch} in a text of conf_params
                       stands for a fresh folder
      --refused FILE   a request that it refuses, likewise
";

/// What is asked for.
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

/// What is to be done.
#[derive(Clone, Copy, Default)]
enum Task {
    #[default]
    Run,
    Mutants,
    Coverage,
    /// Print `docs/rules.md`; what `cargo xtask rules` asks for.
    Rules,
}

fn main() -> ExitCode {
    if std::env::var_os(AS_EXECUTABLE).is_some() {
        let nothing = json!({});
        return keyway_executable::run(|| Ok(keyway_executable::open(&EXECUTABLE, Some("echo"), nothing)?));
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
                options.profile = match arguments.value()?.string()?.as_str() {
                    "strict" => ProfileChoice::Strict,
                    "lenient" => ProfileChoice::Lenient,
                    name => return Err(format!("there is no profile {name:?}: strict or lenient").into()),
                };
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

/// The registry of everything that is linked.
fn registry() -> Result<Registry, String> {
    PLUGINS.registry().map_err(|faults| faults.to_string())
}

/// Everything that has a suite, sorted by kind and name.
fn candidates() -> Result<Vec<Candidate>, String> {
    let mut candidates: Vec<Candidate> = vec![
        StorageSubject::new("memory", |_| Ok(Arc::new(Memory::new()))).into(),
        sqlite("sqlite", CommitMode::Inline).into(),
        sqlite("sqlite-thread", CommitMode::Thread).into(),
    ];
    for registration in registry()?.iter() {
        candidates.push(RegisteredPlugin::from(registration).into());
        if let Some(subject) = issuer(registration)? {
            candidates.push(subject.into());
        }
        if let Some(subject) = SecretStoreSubject::of(registration) {
            candidates.push(configured(registration.id(), subject).into());
        }
    }
    candidates.sort_by_key(|candidate| (candidate.kind(), candidate.name()));
    Ok(candidates)
}

/// An issuer, and a request that it answers: a line for each that needs to be told one.
fn issuer(registration: &keyway_core::Registration) -> Result<Option<IssuerSubject>, String> {
    let Some(subject) = IssuerSubject::of(registration) else { return Ok(None) };
    Ok(Some(match registration.id() {
        "echo" => echo(subject),
        // Its executable is this program, run as one: the issuer `echo` again.
        "process" => echo(process(registration.id())?),
        "ssh-authorized-keys" => authorized_keys(subject),
        "ssh-ca" => certificates(subject)?,
        _ => subject,
    }))
}

/// What the issuer `echo` of the tests answers and refuses.
fn echo(subject: IssuerSubject) -> IssuerSubject {
    let example = IssuerExample::new().parameter("say", "a word to say").configured("prefix", "kit/");
    let refused = IssuerExample::new().parameter("say", "no").parameter("then", "refuse");
    subject.example(example).refused(refused)
}

/// A public key that nobody has the other half of.
const PUBLIC_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti joe@example.org";

/// The lines of a file are the credentials that exist.
fn authorized_keys(subject: IssuerSubject) -> IssuerSubject {
    let example = IssuerExample::new().configured("authorized_keys_file", "{scratch}/authorized_keys");
    let states = |folder: &Path| {
        let lines = std::fs::read_to_string(folder.join("authorized_keys")).unwrap_or_default();
        lines.lines().filter_map(|line| line.rsplit(' ').next()).map(State::new).collect()
    };
    subject
        .example(example.clone().parameter("pub_key", PUBLIC_KEY))
        .refused(example.parameter("pub_key", format!("restrict {PUBLIC_KEY}")))
        .listing(states)
}

/// An authority with a key of its own.
fn certificates(subject: IssuerSubject) -> Result<IssuerSubject, String> {
    let key = CertificateAuthorityKey::generate().map_err(|error| error.to_string())?;
    let example = IssuerExample::new()
        .configured("krl_file", "{scratch}/krl")
        .configured("principals", "{preferred_username}")
        .configured("trusted_issuer", "https://issuer.example.com/");
    Ok(subject
        .example(example.clone().parameter("pub_key", PUBLIC_KEY))
        .refused(example.parameter("pub_key", "ssh-dss AAAA"))
        .lending(move |resources, _| resources.with(key.clone())))
}

/// The plugin `process`, with an executable that `keyway-executable` made.
fn process(name: &str) -> Result<IssuerSubject, String> {
    let this = std::env::current_exe().map_err(|error| format!("the path of this program: {error}"))?;
    let mut configuration = ProcessConfiguration::new(text(&this)?);
    configuration.environment.insert(AS_EXECUTABLE.to_owned(), "1".to_owned());
    configuration.idempotent = true;
    configuration.parallel = PARALLEL;
    IssuerSubject::process(name, &configuration).map_err(|error| error.to_string())
}

/// How many executables run at once.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(4).expect("it is four");

/// The executable that was asked for.
fn executable(path: &Path, options: &Options) -> Result<Candidate, String> {
    let there = std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // A name without a slash that is no file here is looked up in PATH.
    let command = if there.exists() { text(&there)? } else { text(path)? };
    let mut configuration = ProcessConfiguration::new(command.clone());
    configuration.arguments.clone_from(&options.arguments);
    configuration.profile = options.profile;
    configuration.allow_argv = options.allow_argv;
    configuration.idempotent = options.idempotent;
    // The real host runs one at a time by default, and plugins were written for that.
    let usual = if options.profile == ProfileChoice::Lenient { NonZeroUsize::MIN } else { PARALLEL };
    configuration.parallel = options.parallel.unwrap_or(usual);
    let name =
        path.file_name().map_or_else(|| "executable".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut subject = IssuerSubject::process(name, &configuration).map_err(|error| error.to_string())?;
    if let Some(file) = &options.request {
        subject = subject.example(example(file)?);
    }
    if let Some(file) = &options.refused {
        subject = subject.refused(example(file)?);
    }
    Ok(Candidate::from(subject).chosen_by(chosen_by(command, options)?))
}

/// The arguments that choose this executable again, wherever that is said.
fn chosen_by(command: String, options: &Options) -> Result<Vec<String>, String> {
    let mut arguments = vec!["--exec".to_owned(), command];
    for argument in &options.arguments {
        arguments.extend(["--argument".to_owned(), argument.clone()]);
    }
    if options.profile == ProfileChoice::Lenient {
        arguments.extend(["--profile".to_owned(), "lenient".to_owned()]);
    }
    if let Some(parallel) = options.parallel {
        arguments.extend(["--parallel".to_owned(), parallel.to_string()]);
    }
    let flags = [("--allow-argv", options.allow_argv), ("--idempotent", options.idempotent)];
    arguments.extend(flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag.to_owned()));
    for (name, file) in [("--request", &options.request), ("--refused", &options.refused)] {
        if let Some(file) = file {
            let there = std::path::absolute(file).map_err(|error| format!("{}: {error}", file.display()))?;
            arguments.extend([name.to_owned(), text(&there)?]);
        }
    }
    Ok(arguments)
}

fn example(file: &Path) -> Result<IssuerExample, String> {
    let read = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    IssuerExample::from_json(&read).map_err(|error| format!("{}: {error}", file.display()))
}

fn text(path: &Path) -> Result<String, String> {
    path.to_str().map(str::to_owned).ok_or_else(|| format!("{}: the path must be UTF-8", path.display()))
}

/// What a plugin has to be told before it opens a store.
fn configured(id: &str, subject: SecretStoreSubject) -> SecretStoreSubject {
    match id {
        "generic" => subject.example_settings(settings(&json!({ "maximum_value_bytes": 4096 }))),
        "convection-generic" => {
            in_folder(subject).example_settings(settings(&json!({ "data": { "note": "any" } })))
        }
        "convection-passdb" => in_folder(subject).generating(
            GenerationExample::new(
                settings(&json!({ "default": { "length": 33, "letters": "digits" } })),
                33,
                "0123456789",
            )
            .refused(settings(&json!({ "default": { "length": 7 } })))
            .refused(settings(&json!({ "default": { "length": 1025 } })))
            .refused(settings(&json!({ "default": { "letters": "whitespace" } }))),
        ),
        "passdb" => subject.generating(
            GenerationExample::new(
                settings(&json!({ "length": 33, "alphabet": "hex", "require": ["digit"] })),
                33,
                "0123456789abcdef",
            )
            .refused(settings(&json!({ "length": 7 })))
            .refused(settings(&json!({ "length": 1025 })))
            .refused(settings(&json!({ "alphabet": "whitespace" })))
            .refused(settings(&json!({ "alphabet": "digits", "require": ["uppercase"] }))),
        ),
        _ => subject,
    }
}

/// A plugin of files, which lie in the scratch folder.
fn in_folder(subject: SecretStoreSubject) -> SecretStoreSubject {
    subject.configuration(|scratch| json!({ "directory": scratch }))
}

fn settings(json: &serde_json::Value) -> Table {
    json.as_object().and_then(Table::from_json).unwrap_or_default()
}

fn sqlite(name: &str, mode: CommitMode) -> StorageSubject {
    StorageSubject::new(name, move |folder| {
        let store = Sqlite::options().commit_mode(mode).open(folder.join("store.db"))?;
        Ok(Arc::new(store) as Arc<dyn Storage>)
    })
    .persistent()
    .shared()
    .copyable()
}

fn conformance(options: &Options) -> Result<bool, String> {
    let candidates = match &options.executable {
        Some(path) => vec![executable(path, options)?],
        None => candidates()?,
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
        // The other formats are for programs; a person wants to see it as well.
        eprintln!("{}", last_line(&report.format(Format::Table)));
    }
    Ok(report.succeeded())
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default()
}

fn mutants(options: &Options) -> Result<bool, String> {
    // A mutant may wait for ever; nothing sound takes as long as this.
    let run_options = options.run_options().deadline(Duration::from_secs(15));
    let wants = |kind: &str| options.kind.as_ref().is_none_or(|wanted| wanted == kind);
    if !["secret", "issuer", "storage", "metadata"].into_iter().any(wants) {
        return Err("there are mutants of these kinds: secret, issuer, storage and metadata".to_owned());
    }
    let mut matrix = Matrix::default();
    let (of_storage, of_metadata) = (storage::mutants::all(), metadata::mutants::all());
    let of_issuers = issuers::mutants::all();
    let all = options.every_rule;
    let progress = bar(0);
    // A person who waits for minutes wants to see what goes on, also where there is no terminal.
    let done = |mutant: &str, took: Duration| {
        progress.set_message(mutant.to_owned());
        progress.inc(1);
        if all {
            progress.suspend(|| eprintln!("{mutant} {:.1} s", took.as_secs_f32()));
        }
    };
    let each = |row: &MatrixRow| done(row.mutant, row.took);
    // What panics is part of what a mutant may do, and the matrix says so.
    std::panic::set_hook(Box::new(|_| {}));
    if wants("storage") && options.mutant.is_none() {
        progress.inc_length(of_storage.len() as u64);
        matrix.append(Matrix::run(&storage::suite(), &of_storage, all, &run_options, &each));
    }
    if wants("metadata") && options.mutant.is_none() {
        progress.inc_length(of_metadata.len() as u64);
        matrix.append(Matrix::run(&metadata::suite(), &of_metadata, all, &run_options, &each));
    }
    if wants("issuer") && options.mutant.is_none() {
        progress.inc_length(of_issuers.len() as u64);
        matrix.append(Matrix::run(&issuers::suite(), &of_issuers, all, &run_options, &each));
    }
    let mut faults = Vec::new();
    if wants("secret") {
        let mut of_secrets = MutantOptions::default();
        if !all {
            of_secrets = of_secrets.expected_rules_only();
        }
        if let Some(mutant) = &options.mutant {
            of_secrets = of_secrets.only(mutant);
        }
        let of_secrets = secrets::mutants::matrix_telling(&of_secrets, &|row| done(row.mutant, row.took));
        faults.clone_from(&of_secrets.faults);
        matrix.append(of_secrets.into());
    }
    if options.mutant.is_some() {
        // Of a part, nobody can say that a rule has no mutant.
        matrix.rules.retain(|rule| matrix.rows.iter().any(|row| row.breaks == *rule));
    }
    progress.finish_and_clear();
    print!("{}", matrix.format());
    for fault in &faults {
        println!("{fault}");
    }
    Ok(matrix.faults().is_empty() && faults.is_empty())
}

/// A progress bar on a terminal, and nothing elsewhere.
fn bar(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}
