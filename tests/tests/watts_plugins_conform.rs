//! Tests that the executables in other languages (`tests/watts_plugins`) keep the contract: every
//! rule of the suite runs, with as many examples as possible.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use keyway_conformance::front::assert_conforms;
use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
use keyway_conformance::{Candidate, Exclusion};
use keyway_core::Version;
use keyway_issuers::{CredentialRef, Login, UserInfo};
use keyway_process::{ProcessConfiguration, ProfileChoice};
use keyway_tests::services::watts_plugin;

/// Prepares the test of a plugin. Returns `None` after reporting that there is no Python.
fn plugin(file: &str, change: impl FnOnce(&mut ProcessConfiguration)) -> Option<IssuerSubject> {
    let mut configuration = watts_plugin(file)?;
    configuration.parallel = NonZeroUsize::new(4).unwrap();
    change(&mut configuration);
    Some(IssuerSubject::process(file, &configuration).unwrap())
}

fn info() -> Option<Candidate> {
    plugin("info.py", |configuration| configuration.allow_argv = true).map(Candidate::from)
}

fn door() -> Option<Candidate> {
    let follow_seed = |configuration: &mut ProcessConfiguration| {
        configuration.profile = ProfileChoice::Seed;
        configuration.allow_argv = true;
    };
    plugin("door.py", follow_seed).map(Candidate::from)
}

fn ssh_keys() -> Option<Candidate> {
    let example = IssuerExample::new().configured("key_file", "{scratch}/keys");
    let states = |folder: &Path| {
        let kept = std::fs::read_to_string(folder.join("keys")).unwrap_or_default();
        kept.lines().filter_map(|line| line.rsplit(' ').next()).map(CredentialRef::new).collect()
    };
    let subject = plugin("ssh_keys.sh", |_| {})?
        .example(example.clone().parameter("pub_key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0p joe"))
        .refused(example.parameter("pub_key", "no key"))
        .listing(states);
    Some(subject.into())
}

fn portal() -> Option<Candidate> {
    let portal = UserInfo::new("https://portal.example.com", "joe17");
    let login = Login { user_info: portal, access_token: Some("a-token-for-the-portal".into()) };
    let states = |folder: &Path| {
        // An empty file stands for a revoked one.
        let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let files = files.filter(|file| file.metadata().unwrap().len() > 0).map(|file| file.file_name());
        files.map(|name| CredentialRef::new(name.into_string().unwrap())).collect()
    };
    let subject = plugin("portal.py", |configuration| configuration.idempotent = true)?
        .example(IssuerExample::new().configured("folder", "{scratch}").login(login.clone()))
        .refused(IssuerExample::new().login(login))
        .listing(states);
    Some(subject.into())
}

fn vault() -> Option<Candidate> {
    let example = IssuerExample::new().configured("file", "{scratch}/passwords");
    let states = |folder: &Path| {
        let kept: Option<Vec<u8>> =
            std::fs::read(folder.join("passwords")).ok().filter(|kept| !kept.is_empty());
        let kept = kept.map(|kept| serde_json::from_slice::<serde_json::Map<_, _>>(&kept).unwrap());
        kept.unwrap_or_default().into_iter().map(|(state, _)| CredentialRef::new(state)).collect()
    };
    let subject = plugin("vault.py", |_| {})?
        .example(example.clone().parameter("label", "for work"))
        .refused(example.configured("closed", true))
        .listing(states);
    let candidate = Candidate::from(subject).exclude(Exclusion {
        rule: "ISS-110",
        reason: "it writes the access token to its error output on purpose: `watts_plugins.rs` sees it taken out",
        until: Version::new(2, 0, 0),
    });
    Some(candidate)
}

#[test]
fn info_keeps_the_contract() {
    info().iter().for_each(assert_conforms);
}

/// Tests an executable that was written from the seed alone. The seed describes less than today's hosts send.
#[test]
fn door_keeps_the_contract_of_the_seed() {
    door().iter().for_each(assert_conforms);
}

#[test]
fn ssh_keys_keeps_the_contract() {
    ssh_keys().iter().for_each(assert_conforms);
}

#[test]
fn portal_keeps_the_contract() {
    portal().iter().for_each(assert_conforms);
}

#[test]
fn vault_keeps_the_contract_but_for_what_it_is_there_to_break() {
    vault().iter().for_each(assert_conforms);
}

#[test]
fn each_of_them_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("watts_plugins");
    let is_program = |file: &PathBuf| file.extension().is_none_or(|extension| extension != "md");
    let mut there: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(is_program)
        .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    there.sort();
    let run: Option<Vec<_>> = [door(), info(), portal(), ssh_keys(), vault()].into_iter().collect();
    let Some(run) = run else { return };
    let run: Vec<_> = run.iter().map(Candidate::name).collect();
    assert_eq!(there, run);
}
