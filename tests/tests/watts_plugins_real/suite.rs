//! Tests that the conformance suite finds in each plugin exactly the faults that the page lists.

use std::collections::BTreeSet;
use std::path::Path;

use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
use keyway_conformance::{Candidate, Format, front};
use keyway_issuers::{CredentialRef, Json, UserInfo};
use keyway_process::ProfileChoice;

use crate::documented::broken_rules;
use crate::opennebula::OpenNebula;
use crate::plugins::{Real, SAYS_YES, SIGNS, accounts, certificates, info, ssh, ssh_ca, tester};

/// Runs every rule as `--profile lenient` does, and compares the result with the page.
#[track_caller]
fn judged(real: &Real, tell: impl FnOnce(IssuerSubject) -> IssuerSubject) {
    let mut configuration = real.configuration();
    configuration.profile = ProfileChoice::Lenient;
    let subject = IssuerSubject::process(real.name, &configuration).unwrap();
    let report = Candidate::from(tell(subject)).run(&front::options());
    let broken: BTreeSet<String> = report
        .outcomes()
        .iter()
        .filter(|outcome| outcome.is_fault())
        .map(|outcome| outcome.rule.to_owned())
        .collect();
    assert_eq!(broken, broken_rules(real.name), "{}", report.format(Format::Table));
    assert!(report.totals().passed > 30, "{}", report.format(Format::Table));
}

#[test]
fn the_info_plugin() {
    let Some(real) = info() else { return };
    judged(&real, |subject| subject);
}

#[test]
fn the_plugin_with_which_watts_tests_itself() {
    let Some(real) = tester() else { return };
    judged(&real, |subject| subject);
}

#[test]
fn the_ssh_plugin() {
    let Some(real) = ssh() else { return };
    let real = real.with_ssh(SAYS_YES);
    let example = IssuerExample::new()
        .configured("host_list", "root@one.example.com")
        .configured("work_dir", "{scratch}/work")
        .parameter("pub_key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0p joe");
    judged(&real, |subject| subject.example(example.clone()).refused(example.parameter("pub_key", "no key")));
}

#[test]
fn the_certificate_plugin() {
    let Some(real) = certificates() else { return };
    // The index has a line for each certificate: V for a valid one, and its serial in the fourth
    // field.
    let valid = |folder: &Path| {
        let index = std::fs::read_to_string(folder.join("ca/index.txt")).unwrap_or_default();
        let valid = index.lines().filter(|line| line.starts_with('V'));
        valid.filter_map(|line| line.split('\t').nth(3)).map(CredentialRef::new).collect()
    };
    let example = IssuerExample::new()
        .configured("ca_path", "{scratch}/ca")
        .configured("issuer_mapping", r#"{"https://issuer.example.com":"example"}"#);
    let stranger = example.clone().user(UserInfo::new("https://elsewhere.example.com", "joe"));
    judged(&real, |subject| subject.example(example).refused(stranger).listing(valid));
}

#[test]
fn the_account_plugin() {
    let Some(real) = accounts() else { return };
    let cloud = OpenNebula::start();
    let file = cloud.accounts();
    let states = move |_: &Path| {
        let accounts = std::fs::read_to_string(&file).unwrap();
        accounts.lines().map(CredentialRef::new).collect()
    };
    let example = IssuerExample::new()
        .configured("api_endpoint", cloud.endpoint.as_str())
        .configured("db_file", "{scratch}/users.db");
    let broken = example.clone().configured("api_endpoint", "http://127.0.0.1:9/RPC2");
    judged(&real, |subject| subject.example(example).refused(broken).listing(states));
}

#[test]
fn the_ssh_certificate_plugin() {
    let Some(real) = ssh_ca() else { return };
    let real = real.with_ssh(SIGNS);
    let groups = Json::from(serde_json::json!(["users"]));
    let example = IssuerExample::new()
        .user(UserInfo::new("https://issuer.example.com/", "kit-12345678").with("groups", groups))
        .configured("ssh_ca", "ca.example.com")
        .configured("ssh_user", "watts")
        .configured("ssh_key", "/nowhere/key")
        .parameter(
            "ssh_pub_key",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti joe@example.org",
        )
        .parameter("validity", "+1d")
        .parameter("principals", "users");
    judged(&real, |subject| {
        subject.example(example.clone()).refused(example.parameter("validity", "for ever"))
    });
}
