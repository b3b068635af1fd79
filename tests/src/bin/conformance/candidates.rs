//! The candidates of the suites, and the setup that each needs.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use keyway_conformance::Candidate;
use keyway_conformance::certificates::{self, CertificateSubject};
use keyway_conformance::credentials::{self, CredentialSubject};
use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
use keyway_conformance::metadata::RegisteredPlugin;
use keyway_conformance::secrets::{GenerationExample, SecretStoreSubject};
use keyway_conformance::storage::StorageSubject;
use keyway_core::PluginError as _;
use keyway_core::{Plugins, Registry, Table, plugins};
use keyway_issuers::{CredentialRef, Issuer as _};
use keyway_process::{ProcessConfiguration, ProcessIssuer, ProfileChoice};
use keyway_ssh::CertificateAuthorityKey;
use keyway_storage::{CommitMode, Memory, Sqlite, Storage};
use serde_json::json;

use crate::{Options, authorities, projects, vaults};

/// All linked plugins.
const PLUGINS: Plugins = plugins! { keyway_generic, keyway_convection, keyway_passdb, keyway_process, keyway_info, keyway_ssh, keyway_local_ca, keyway_acme, keyway_vaulted, keyway_locker };

/// The issuer that this program becomes when it runs as an executable under test.
const EXECUTABLE: Plugins = plugins! { keyway_tests::echo_issuer };

/// The environment variable that makes this program an executable.
const AS_EXECUTABLE: &str = "KEYWAY_CONFORMANCE_EXECUTABLE";

/// Runs this program as the executable under test, if the environment variable is set.
pub(crate) fn run_as_executable() -> Option<ExitCode> {
    std::env::var_os(AS_EXECUTABLE)?;
    let open = || Ok(keyway_executable::open(&EXECUTABLE, Some("echo"), json!({}))?);
    Some(keyway_executable::run(open))
}

/// Returns the registry of all linked plugins.
pub(crate) fn registry() -> Result<Registry, String> {
    PLUGINS.registry().map_err(|faults| faults.to_string())
}

/// Returns every candidate that has a suite, sorted by kind and name.
pub(crate) fn all() -> Result<Vec<Candidate>, String> {
    let mut candidates: Vec<Candidate> = vec![
        StorageSubject::new("memory", |_| Ok(Arc::new(Memory::new()))).into(),
        sqlite("sqlite", CommitMode::Inline).into(),
        sqlite("sqlite-thread", CommitMode::Thread).into(),
        certificates::mutants::reference().name("scripted-ca").into(),
        credentials::mutants::reference().name("scripted-store").into(),
    ];
    // The torture tests link the plugin `tortured-vaulted`, which has no setup in this program.
    for registration in registry()?.iter().filter(|it| it.id() != "tortured-vaulted") {
        candidates.push(RegisteredPlugin::from(registration).into());
        if let Some(subject) = issuer(registration)? {
            candidates.push(subject.into());
        }
        if let Some(subject) = CertificateSubject::of(registration) {
            candidates.push(authority(registration.id(), subject)?.into());
        }
        if let Some(subject) = CredentialSubject::of(registration) {
            candidates.push(vault(registration.id(), subject).into());
        }
        if let Some(subject) = SecretStoreSubject::of(registration) {
            match registration.id() {
                "locker" => candidates.extend(projects::locker(registration)),
                id => candidates.push(configured(id, subject).into()),
            }
        }
    }
    candidates.sort_by_key(|candidate| (candidate.kind(), candidate.name()));
    let by_name = |candidate: Candidate| {
        let name = candidate.name();
        candidate.chosen_by(["--plugin", &name])
    };
    Ok(candidates.into_iter().map(by_name).collect())
}

/// Returns every candidate for a second process of this program. Some rules start such a process to test a candidate in
/// it.
pub(crate) fn of_second_run() -> Vec<Candidate> {
    let mut candidates = all().unwrap_or_default();
    candidates.extend(certificates::mutants::candidates());
    candidates.extend(credentials::mutants::candidates());
    candidates.extend(keyway_conformance::issuers::mutants::candidates());
    candidates.extend(keyway_conformance::secrets::mutants::candidates());
    candidates
}

/// Returns a certificate authority with an order that it carries out.
fn authority(id: &str, subject: CertificateSubject) -> Result<CertificateSubject, String> {
    match id {
        "acme" => authorities::acme(subject),
        "local-ca" => authorities::local_ca(subject),
        _ => Ok(subject),
    }
}

/// Returns a credential store with accounts.
fn vault(id: &str, subject: CredentialSubject) -> CredentialSubject {
    match id {
        "vaulted" => vaults::vaulted(subject),
        _ => subject,
    }
}

/// Returns an issuer with a request that it answers. Each issuer that needs its own request has a
/// line here.
fn issuer(registration: &keyway_core::Registration) -> Result<Option<IssuerSubject>, String> {
    let Some(subject) = IssuerSubject::of(registration) else { return Ok(None) };
    Ok(Some(match registration.id() {
        "echo" => echo(subject),
        // The executable of this plugin is this program, which then runs as the issuer `echo`.
        "process" => echo(process(registration.id())?),
        "ssh-authorized-keys" => authorized_keys(subject),
        "ssh-ca" => certificates(subject)?,
        _ => subject,
    }))
}

/// Sets the requests that the issuer `echo` of the tests answers and refuses.
fn echo(subject: IssuerSubject) -> IssuerSubject {
    let example = IssuerExample::new().parameter("say", "a word to say").configured("prefix", "kit/");
    let refused = IssuerExample::new().parameter("say", "no").parameter("then", "refuse");
    subject.example(example).refused(refused)
}

/// A public key whose private key does not exist any more.
const PUBLIC_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti joe@example.org";

/// Sets up `ssh-authorized-keys`: the lines of a file are the credentials that exist.
fn authorized_keys(subject: IssuerSubject) -> IssuerSubject {
    let example = IssuerExample::new().configured("authorized_keys_file", "{scratch}/authorized_keys");
    let states = |folder: &Path| {
        let lines = std::fs::read_to_string(folder.join("authorized_keys")).unwrap_or_default();
        let keys = lines.lines().filter(|line| !line.starts_with('#'));
        keys.filter_map(|line| line.rsplit(' ').next()).map(CredentialRef::new).collect()
    };
    subject
        .example(example.clone().parameter("pub_key", PUBLIC_KEY))
        .refused(example.parameter("pub_key", format!("restrict {PUBLIC_KEY}")))
        .listing(states)
}

/// Sets up `ssh-ca` as an authority with a new key.
fn certificates(subject: IssuerSubject) -> Result<IssuerSubject, String> {
    let key = CertificateAuthorityKey::generate().map_err(|error| error.to_string())?;
    let example = IssuerExample::new()
        .configured("krl_file", "{scratch}/krl")
        .configured("principals", "{preferred_username}")
        .configured("trusted_issuer", "https://issuer.example.com/");
    Ok(subject
        .example(example.clone().parameter("pub_key", PUBLIC_KEY))
        .refused(example.parameter("pub_key", "ssh-dss AAAA"))
        .lending(move |resources, scratch| {
            // The kit sets the list up, as an operator does. If that fails, the rules fail and report it.
            let _ = keyway_ssh::set_up_revocation_list(scratch.join("krl"));
            resources.with(key.clone())
        }))
}

/// Returns the plugin `process`, with an executable that `keyway-executable` made.
fn process(name: &str) -> Result<IssuerSubject, String> {
    let this = std::env::current_exe().map_err(|error| format!("the path of this program: {error}"))?;
    let mut configuration = ProcessConfiguration::new(text(&this)?);
    configuration.environment.insert(AS_EXECUTABLE.to_owned(), "1".to_owned());
    configuration.idempotent = true;
    configuration.parallel = PARALLEL;
    IssuerSubject::process(name, &configuration).map_err(|error| error.to_string())
}

/// The number of executables that run at once.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(4).expect("it is four");

/// Returns the executable that the options name.
pub(crate) fn executable(path: &Path, options: &Options) -> Result<Candidate, String> {
    let there = std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // A name without a slash that is not a file here is searched in PATH.
    let command = if there.exists() { text(&there)? } else { text(path)? };
    let mut configuration = ProcessConfiguration::new(command.clone());
    configuration.arguments.clone_from(&options.arguments);
    configuration.profile = options.profile;
    configuration.allow_argv = options.allow_argv;
    configuration.idempotent = options.idempotent;
    // The real host runs one call at a time by default, and plugins were written for that.
    let usual = if options.profile == ProfileChoice::Lenient { NonZeroUsize::MIN } else { PARALLEL };
    configuration.parallel = options.parallel.unwrap_or(usual);
    let name =
        path.file_name().map_or_else(|| "executable".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut subject = IssuerSubject::process(name, &configuration).map_err(|error| error.to_string())?;
    if options.rule.is_none() {
        probe(&configuration)?;
    }
    if let Some(file) = &options.request {
        subject = subject.example(example(file)?);
    }
    if let Some(file) = &options.refused {
        subject = subject.refused(example(file)?);
    }
    Ok(Candidate::from(subject).chosen_by(chosen_by(command, options)?))
}

/// Asks the executable for its description once, before the rules. If this fails, every rule would fail for the same
/// reason, so the error is reported here.
fn probe(configuration: &ProcessConfiguration) -> Result<(), String> {
    let issuer = ProcessIssuer::new(configuration).map_err(|error| error.to_string())?;
    let Err(error) = pollster::block_on(issuer.describe()) else { return Ok(()) };
    let sent = match configuration.profile {
        ProfileChoice::Seed => "padded standard base64, as the WaTTS seed says",
        _ => {
            "base64url without padding, as the real WaTTS host writes it; a plugin that was written from the seed \
             alone expects padded standard base64: run it with `--profile seed`, or let it accept both"
        }
    };
    Err(format!(
        "the executable does not describe itself, so no rule can be tried: {}\n\nIt was run with one argument, a \
         JSON object with the action `parameter`, in {sent}. docs/plugin-author.md has readers in Python and shell \
         that accept every form.",
        error.detail()
    ))
}

/// Returns the arguments that choose this executable again, for messages.
fn chosen_by(command: String, options: &Options) -> Result<Vec<String>, String> {
    let mut arguments = vec!["--exec".to_owned(), command];
    for argument in &options.arguments {
        arguments.extend(["--argument".to_owned(), argument.clone()]);
    }
    if options.profile != ProfileChoice::default() {
        arguments.extend(["--profile".to_owned(), options.profile.word().to_owned()]);
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

/// Sets the configuration that a plugin needs to open a store.
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

/// Returns a plugin whose files are in the scratch folder.
fn in_folder(subject: SecretStoreSubject) -> SecretStoreSubject {
    subject.configuration(|scratch| json!({ "directory": scratch }))
}

fn settings(json: &serde_json::Value) -> Table {
    json.as_object().and_then(Table::from_json).unwrap_or_default()
}

fn sqlite(name: &str, mode: CommitMode) -> StorageSubject {
    StorageSubject::new(name, move |folder| {
        let store = Sqlite::options().commit_mode(mode).open_or_create(folder.join("store.db"))?;
        Ok(Arc::new(store) as Arc<dyn Storage>)
    })
    .persistent()
    .shared()
    .copyable()
}
