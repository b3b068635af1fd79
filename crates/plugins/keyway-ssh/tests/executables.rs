//! Tests both issuers as executables, fully configured as by a host of WaTTS.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use keyway_issuers::wire::{WireOptions, host};
use keyway_issuers::{
    Context, CredentialRequest, IntentId, Issued, Issuer as _, Json, RequestOutcome, Revocation, UserInfo,
};
use keyway_process::{ProcessConfiguration, ProcessIssuer};
use pollster::block_on;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};

struct Executable {
    issuer: ProcessIssuer,
    context: Context,
}

impl Executable {
    fn new(command: &str, settings: &[(&str, &Path)], texts: &[(&str, &str)]) -> Self {
        let mut configuration = ProcessConfiguration::new(command);
        configuration.idempotent = true;
        let issuer = ProcessIssuer::new(&configuration).unwrap();
        let paths = settings.iter().map(|(name, path)| (*name, Json::text(path.to_str().unwrap())));
        let settings: Vec<_> =
            paths.chain(texts.iter().map(|(name, value)| (*name, Json::text(*value)))).collect();
        let description = block_on(issuer.describe()).unwrap();
        assert!(description.features().stdin && description.features().idempotent);
        let resolved = description.resolve_configuration(settings.iter().map(|(name, value)| (*name, value)));
        let context = Context::new(UserInfo::new("https://issuer.example.com", "joe"))
            .with_configuration(resolved.unwrap())
            .with_intent(IntentId::new("i-1").unwrap());
        Self { issuer, context }
    }

    fn request(&self) -> Issued {
        match block_on(self.issuer.request(&CredentialRequest::new(self.context.clone()))).unwrap() {
            RequestOutcome::Issued(issued) => issued,
            RequestOutcome::LoginRequired(_) => panic!("it asks for no login"),
        }
    }

    fn revoke(&self, issued: &Issued) {
        let revocation = Revocation::new(self.context.clone(), issued.state.clone());
        block_on(self.issuer.revoke(&revocation)).unwrap();
    }
}

#[test]
fn a_line_by_an_executable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("authorized_keys");
    let settings = [("authorized_keys_file", file.as_path())];
    let executable = Executable::new(env!("CARGO_BIN_EXE_keyway-ssh-authorized-keys"), &settings, &[]);
    let issued = executable.request();
    assert_eq!(issued.state.as_str(), "KEYWAY_i-1");
    assert!(PrivateKey::from_openssh(issued.credential[1].expose_value()).is_ok());
    assert!(fs::read_to_string(&file).unwrap().ends_with(" KEYWAY_i-1\n"));
    executable.revoke(&issued);
    assert_eq!(fs::read_to_string(&file).unwrap(), "# keyway: KEYWAY_i-1 was revoked\n");
}

/// Checks an answer that is no result of the issuer: the issuer was not asked.
#[test]
fn an_input_that_cannot_be_read_has_no_effect() {
    let directory = fs::File::open("/").unwrap();
    let command = env!("CARGO_BIN_EXE_keyway-ssh-authorized-keys");
    let answered = Command::new(command).stdin(Stdio::from(directory)).output().unwrap();
    let printed = String::from_utf8(answered.stdout).unwrap();
    assert!(answered.status.success() && printed.contains(r#""result":"error""#), "{printed}");
    assert!(!printed.contains("effect_unknown"), "{printed}");
}

#[test]
fn a_certificate_by_an_executable() {
    let folder = tempfile::tempdir().unwrap();
    let [key, list] = ["ca", "krl"].map(|name| folder.path().canonicalize().unwrap().join(name));
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[9; 32]));
    fs::write(&key, &*PrivateKey::new(pair, "ca").unwrap().to_openssh(LineEnding::LF).unwrap()).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let settings = [("ca_key_file", key.as_path()), ("krl_file", list.as_path())];
    let command = env!("CARGO_BIN_EXE_keyway-ssh-ca");
    for _ in 0..2 {
        assert!(Command::new(command).arg("set-up").arg(&list).status().unwrap().success());
    }
    let executable = Executable::new(command, &settings, &[("principals", "deploy")]);
    let issued = executable.request();
    assert!(issued.credential.iter().any(|part| part.expose_value().starts_with("ssh-ed25519-cert-v01@")));
    executable.revoke(&issued);
    assert!(fs::read(&list).unwrap().windows(10).any(|bytes| bytes == b"KEYWAY_i-1"));
}

#[test]
fn a_failed_set_up_says_why() {
    let run = |arguments: &[&str]| {
        let command = env!("CARGO_BIN_EXE_keyway-ssh-ca");
        let output = Command::new(command).arg("set-up").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(matches!(run(&[]), (Some(2), said) if said.starts_with("usage: keyway-ssh-ca set-up FILE\n")));
    assert_eq!(run(&["a", "b"]).0, Some(2));
    let (code, said) = run(&["relative"]);
    assert!(code == Some(1) && said.contains("not absolute"), "{said}");
}

/// Checks that a program that is killed at any moment leaves only complete lines, and keeps all lines of other
/// programs.
#[test]
fn a_line_by_an_executable_that_is_killed() {
    const FOREIGN: &str = "# theirs\nssh-rsa AAAA joe@laptop\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("authorized_keys");
    // The content is so long that the system is unlikely to write it in one call.
    let foreign = FOREIGN.repeat(20_000);
    fs::write(&file, &foreign).unwrap();
    let command = env!("CARGO_BIN_EXE_keyway-ssh-authorized-keys");
    let executable = Executable::new(command, &[("authorized_keys_file", &file)], &[]);
    let run = |number: u32, killed_after: Option<Duration>| {
        let mut context = executable.context.clone();
        context.intent = IntentId::new(format!("kill-{number}"));
        let request = CredentialRequest::new(context);
        let input = host::encode_request(&request, &WireOptions::new("1.6.1").with_intent_id(true));
        let mut child = Command::new(command).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.expose().as_bytes()).unwrap();
        if let Some(time) = killed_after {
            sleep(time);
            child.kill().unwrap();
        }
        child.wait().unwrap();
    };
    let started = Instant::now();
    run(0, None);
    let whole = started.elapsed();
    for number in 1..60 {
        run(number, Some(whole * number / 60));
        let content = fs::read_to_string(&file).unwrap();
        let ours = content.strip_prefix(&foreign).expect("the lines of others are all there");
        assert!(ours.is_empty() || ours.ends_with('\n'));
        for line in ours.lines() {
            let fields: Vec<_> = line.split(' ').collect();
            assert!(
                matches!(fields[..], ["ssh-ed25519", _, state] if state.starts_with("KEYWAY_kill-")),
                "{line}"
            );
        }
    }
    // The next call works despite the leftovers of the last killed program.
    run(60, None);
    assert!(fs::read_to_string(&file).unwrap().contains(" KEYWAY_kill-60\n"));
    assert!(!file.with_file_name(".authorized_keys.keyway-new").exists());
}
