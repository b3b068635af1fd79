//! Tests executables that change and check credentials: with scripts that answer, and with scripts that do not.

use std::num::NonZeroUsize;
use std::time::Duration;

use keyway_core::{Effect, IntentId, PluginError as _};
use keyway_credentials::{
    Account, Asset, Candidate, Changer as _, CredentialChange, CredentialError, Password, PrivateKey, Probed,
    Prober as _, TargetCredential,
};
use keyway_process::{Environment, Limits, Program, Runner};

use super::*;

const KEY: &str =
    include_str!("../../../../../keyway-credentials/src/key/keys/ed25519_openssh_encrypted.pem");

fn runner(script: &str) -> Runner {
    let program = Program::new("/bin/sh").unwrap().argument("-c").argument(script);
    let limits = Limits { deadline: Duration::from_millis(700), output_bytes: 1000, ..Limits::DEFAULT };
    Runner::new(program, Environment::of_the_host(), limits, NonZeroUsize::MIN)
}

fn password(text: &str) -> TargetCredential {
    TargetCredential::Password(Password::new(text))
}

fn candidate() -> Candidate {
    Candidate::new(Account::new("jo\"e").unwrap(), Asset::new("web1").unwrap())
}

fn order(old: TargetCredential, new: TargetCredential) -> CredentialChange {
    CredentialChange::new(IntentId::new("intent-7").unwrap(), candidate(), old, new)
}

fn change(script: &str) -> Result<(), CredentialError> {
    let changer = CommandChanger::new(runner(script));
    pollster::block_on(changer.change(&order(password("old horse"), password("new horse"))))
}

fn probe(script: &str) -> Result<Probed, CredentialError> {
    pollster::block_on(CommandProber::new(runner(script)).probe(&candidate(), &password("old horse")))
}

#[test]
fn one_word_and_status_zero_are_an_answer() {
    for script in ["cat >/dev/null; echo changed", "printf '  changed\\n\\n'"] {
        change(script).unwrap();
    }
    for (script, is_denied) in [("echo refused", true), ("echo unchanged", false)] {
        let error = change(script).unwrap_err();
        assert_eq!(error.effect(), Effect::None, "{script}");
        assert_eq!(matches!(error, CredentialError::Refused { .. }), is_denied, "{script}");
    }
    assert_eq!(probe("echo opens").unwrap(), Probed::Opens);
    assert_eq!(probe("cat >/dev/null; echo refused").unwrap(), Probed::Refused);
}

#[test]
fn everything_else_says_nothing_about_the_target() {
    for script in [
        "true",
        "exit 1",
        "WORD; exit 3",
        "echo changed opens refused",
        "echo CHANGED",
        "WORD; WORD",
        "kill -9 $$",
        "WORD; kill -15 $$",
        "WORD; exec sleep 30",
        "yes WORD",
    ] {
        for word in ["changed", "refused", "unchanged"] {
            let script = script.replace("WORD", &format!("echo {word}"));
            let error = change(&script).unwrap_err();
            assert_eq!(error.effect(), Effect::Unknown, "{script}: {error}");
        }
        let script = script.replace("WORD", "echo refused");
        let error = probe(&script).unwrap_err();
        assert_eq!(error.effect(), Effect::None, "{script}: {error}");
    }
}

#[test]
fn a_command_that_does_not_start_has_no_effect() {
    let program = Program::new("/nowhere/change").unwrap();
    let runner = Runner::new(program, Environment::of_the_host(), Limits::DEFAULT, NonZeroUsize::MIN);
    let order = order(password("a"), password("b"));
    let error = pollster::block_on(CommandChanger::new(runner).change(&order)).unwrap_err();
    assert_eq!(error.effect(), Effect::None, "{error}");
}

#[test]
fn no_error_shows_a_credential() {
    let said = "cat >&2; exit 1";
    for error in [change(said).unwrap_err(), probe(said).unwrap_err()] {
        let detail = error.detail();
        assert!(detail.contains("[REDACTED]") && !detail.contains("horse"), "{detail}");
    }
}

#[test]
fn the_order_has_both_credentials_and_all_names() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("order");
    let changer = CommandChanger::new(runner(&format!("cat > {} && echo changed", saved.display())));
    let key = |passphrase: &str| {
        TargetCredential::PrivateKey(PrivateKey::new(KEY, Some(passphrase.into())).unwrap())
    };
    pollster::block_on(changer.change(&order(key("n33dle"), key("other")))).unwrap();
    let read = std::fs::read_to_string(&saved).unwrap();
    assert!(read.ends_with("}\n") && read.lines().count() == 1);
    let read: serde_json::Value = serde_json::from_str(&read).unwrap();
    assert_eq!(
        read,
        serde_json::json!({
            "version": 1, "action": "change", "account": "jo\"e", "asset": "web1", "intent": "intent-7",
            "kind": "private_key",
            "old": { "private_key": KEY, "passphrase": "n33dle" },
            "new": { "private_key": KEY, "passphrase": "other" },
        })
    );
}
