//! The executables in other languages that were written for the tests (`tests/watts_plugins`) keep the contract:
//! every rule of the suite, told as much about each as it can be.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
use keyway_conformance::{Candidate, Exclusion, conformance_test};
use keyway_core::Version;
use keyway_issuers::{Login, State, UserInfo};
use keyway_process::ProcessConfiguration;

fn plugin(interpreter: &str, file: &str, change: impl FnOnce(&mut ProcessConfiguration)) -> IssuerSubject {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("watts_plugins").join(file);
    let mut configuration = ProcessConfiguration::new(interpreter);
    configuration.arguments = vec![path.to_str().unwrap().to_owned()];
    configuration.parallel = NonZeroUsize::new(4).unwrap();
    change(&mut configuration);
    IssuerSubject::process(file, &configuration).unwrap()
}

fn info() -> IssuerSubject {
    plugin("python3", "info.py", |configuration| configuration.allow_argv = true)
}

fn ssh_keys() -> IssuerSubject {
    let example = IssuerExample::new().configured("key_file", "{scratch}/keys");
    let states = |folder: &Path| {
        let kept = std::fs::read_to_string(folder.join("keys")).unwrap_or_default();
        kept.lines().filter_map(|line| line.rsplit(' ').next()).map(State::new).collect()
    };
    plugin("sh", "ssh_keys.sh", |_| {})
        .example(example.clone().parameter("pub_key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0p joe"))
        .refused(example.parameter("pub_key", "no key"))
        .listing(states)
}

fn portal() -> IssuerSubject {
    let portal = UserInfo::new("https://portal.example.com", "joe17");
    let login = Login { user_info: portal, access_token: Some("a-token-for-the-portal".into()) };
    let states = |folder: &Path| {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
        files.map(|name| State::new(name.into_string().unwrap())).collect()
    };
    plugin("python3", "portal.py", |configuration| configuration.idempotent = true)
        .example(IssuerExample::new().configured("folder", "{scratch}").login(login.clone()))
        .refused(IssuerExample::new().login(login))
        .listing(states)
}

fn vault() -> Candidate {
    let example = IssuerExample::new().configured("file", "{scratch}/passwords");
    let states = |folder: &Path| {
        let kept: Option<Vec<u8>> =
            std::fs::read(folder.join("passwords")).ok().filter(|kept| !kept.is_empty());
        let kept = kept.map(|kept| serde_json::from_slice::<serde_json::Map<_, _>>(&kept).unwrap());
        kept.unwrap_or_default().into_iter().map(|(state, _)| State::new(state)).collect()
    };
    let subject = plugin("python3", "vault.py", |_| {})
        .example(example.clone().parameter("label", "for work"))
        .refused(example.configured("closed", true))
        .listing(states);
    Candidate::from(subject).exclude(Exclusion {
        rule: "ISS-110",
        reason: "it writes the access token to its error output on purpose: `watts_plugins.rs` sees it taken out",
        until: Version::new(2, 0, 0),
    })
}

conformance_test!(info_keeps_the_contract, info());
conformance_test!(ssh_keys_keeps_the_contract, ssh_keys());
conformance_test!(portal_keeps_the_contract, portal());
conformance_test!(vault_keeps_the_contract_but_for_what_it_is_there_to_break, vault());

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
    let run = [info().into(), portal().into(), ssh_keys().into(), vault()]
        .map(|candidate: Candidate| candidate.name());
    assert_eq!(there, run);
}
