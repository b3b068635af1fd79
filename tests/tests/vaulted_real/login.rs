//! Tests the prober that logs in with the system's `ssh`.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use keyway_credentials::{
    Account, Asset, Candidate, CredentialError, PrivateKey, Probed, Prober as _, TargetCredential,
};
use keyway_tests::services::OrSkip as _;
use keyway_tests::sshd::{Folder, OpenSsh, text};
use keyway_vaulted::targets::{SshAddress, SshLoginProber};

use crate::gateway::ASSET;
use crate::target::{ACCOUNT, Target, file};

pub(crate) fn candidate() -> Candidate {
    Candidate::new(Account::new(ACCOUNT).expect("an account"), Asset::new(ASSET).expect("an asset"))
}

async fn probe(prober: &SshLoginProber, key: &PrivateKey) -> Result<Probed, CredentialError> {
    prober.probe(&candidate(), &TargetCredential::PrivateKey(key.clone())).await
}

/// Makes a key that no server knows.
fn stranger(target: &Target) -> PrivateKey {
    let key = target.folder.file("stranger");
    target.programs.make_key(&key);
    PrivateKey::new(target.folder.read("stranger"), None).expect("a key")
}

#[tokio::test]
async fn the_target_decides_about_a_key() {
    let Some(programs) = OpenSsh::find().or_skip("a login that checks a key") else { return };
    let target = Target::start(&programs, "");
    let (key, prober) = (target.admit("ed25519", "correct horse"), target.prober());
    assert_eq!(probe(&prober, &key).await.expect("an answer"), Probed::Opens, "{}", target.server.log());
    assert_eq!(probe(&prober, &stranger(&target)).await.expect("an answer"), Probed::Refused);

    let wrong = PrivateKey::new(key.expose_pem(), Some("wrong horse".into())).expect("a key");
    let error = probe(&prober, &wrong).await.expect_err("the target was not asked").to_string();
    assert!(error.contains("passphrase") && !error.contains("horse"), "{error}");
    assert_eq!(fs::read_dir(target.folder.file("logins")).expect("a folder").count(), 0);
}

#[tokio::test]
async fn nothing_runs_at_the_target() {
    let Some(programs) = OpenSsh::find().or_skip("a login with a forced command") else { return };
    let target = Target::start(&programs, "");
    let (key, prober) = (target.admit("ed25519", ""), target.prober());
    let trace = target.folder.file("trace");
    let public = target.folder.read("first.pub");
    target.write(&format!("command=\"touch {}\" {public}", text(&trace)));
    assert_eq!(probe(&prober, &key).await.expect("an answer"), Probed::Opens);
    assert!(!trace.exists());
    assert!(target.opens(&key) && trace.exists(), "a login with a session runs the command");
}

#[tokio::test]
async fn a_target_that_allows_one_attempt_refuses_too() {
    let Some(programs) = OpenSsh::find().or_skip("a login where one attempt is allowed") else { return };
    let target = Target::start(&programs, "MaxAuthTries 1");
    let (key, prober) = (target.admit("ed25519", ""), target.prober());
    assert_eq!(probe(&prober, &key).await.expect("an answer"), Probed::Opens);
    assert_eq!(probe(&prober, &stranger(&target)).await.expect("an answer"), Probed::Refused);
}

#[tokio::test]
async fn an_answer_that_does_not_judge_the_key_is_an_error() {
    let Some(programs) = OpenSsh::find().or_skip("logins without an answer") else { return };
    let target =
        Target::start(&programs, "PasswordAuthentication yes\nAuthenticationMethods publickey,password");
    let key = target.admit("ed25519", "");
    probe(&target.prober(), &key).await.expect_err("a second factor is missing");

    let target = Target::start(&programs, "");
    let (key, user) = (target.admit("ed25519", ""), target.server.user.clone());
    let closed_port = target
        .prober()
        .with_addresses(move |_| Some(SshAddress::new("127.0.0.1", user.clone()).with_port(1)));
    let error = probe(&closed_port, &key).await.expect_err("the port is closed");
    let detail = keyway_core::PluginError::detail(&error);
    assert!(detail.contains("Connection refused"), "{detail}");

    // The server has a key that differs from the key in the operator's file.
    let known = fs::read_to_string(target.server.known_hosts()).expect("a file");
    let address = known.split(' ').next().expect("an address");
    stranger(&target);
    fs::write(target.server.known_hosts(), format!("{address} {}", target.folder.read("stranger.pub")))
        .expect("a file");
    let error = probe(&target.prober(), &key).await.expect_err("the host is unknown");
    let detail = keyway_core::PluginError::detail(&error);
    assert!(detail.contains("Host key verification failed"), "{detail}");
    assert!(file(&target.folder).exists());
}

const FOLDER: &str = "KEYWAY_TEST_FOLDER_OF_A_KILLED_HOST";
const PORT: &str = "KEYWAY_TEST_PORT_OF_A_KILLED_HOST";

/// Does nothing in a usual test run. When the test below starts it as a host, it logs in until it is killed.
#[tokio::test]
async fn logs_in_until_it_is_killed() {
    let (Some(folder), Ok(port)) = (std::env::var_os(FOLDER), std::env::var(PORT)) else { return };
    let (folder, port) = (PathBuf::from(folder), port.parse().expect("a port"));
    let prober = SshLoginProber::new(folder.join("known_hosts")).expect("a plain path");
    let prober = prober.with_temporary_folder(folder.join("logins")).expect("a plain path");
    let prober = prober.with_addresses(move |_| Some(SshAddress::new("127.0.0.1", "joe").with_port(port)));
    let key = fs::read_to_string(folder.join("key")).expect("a key");
    let answer = probe(&prober, &PrivateKey::new(key, None).expect("a key")).await;
    panic!("the server says nothing: {answer:?}");
}

#[test]
fn a_host_that_is_killed_during_a_login_leaves_no_key() {
    let Some(programs) = OpenSsh::find().or_skip("a login whose host is killed") else { return };
    let folder = Folder::new();
    programs.make_key(&folder.file("key"));
    fs::create_dir(folder.file("logins")).expect("a folder");
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    server.set_nonblocking(true).expect("a setting");
    let port = server.local_addr().expect("an address").port();
    let mut host = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "login::logs_in_until_it_is_killed", "--nocapture"])
        .envs([(FOLDER, text(&folder.file(".")).to_owned()), (PORT, port.to_string())])
        .spawn()
        .expect("a program");
    let begun = Instant::now();
    // The server never greets, so `ssh` waits until the connection is closed at the end of this test.
    let _connection = loop {
        if let Ok(connection) = server.accept() {
            break connection;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "ssh connects");
        std::thread::sleep(Duration::from_millis(5));
    };
    host.kill().expect("a running host");
    host.wait().expect("its end");
    let left = files(&folder.file("logins"));
    assert!(left.iter().any(|file| file.ends_with("log")), "the login was cut short: {left:?}");
    for file in left {
        let content = fs::read_to_string(&file).expect("a file");
        assert!(!content.contains("PRIVATE KEY"), "{}", file.display());
    }
}

/// Lists the files in a folder and its folders.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
