//! Tests the issuer `ssh-ca` without OpenSSH's own programs.
#![cfg(unix)]

mod authority;
mod list;

use keyway_core::Effect;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use authority::{Authority, KEY, NOW};
use keyway_core::PluginError as _;
use keyway_issuers::{CredentialRef, IntentId, Issued, IssuerError, UserInfo};
use keyway_ssh::CertificateAuthorityKey;
use ssh_key::certificate::CertType;
use ssh_key::{Certificate, PrivateKey};

fn part<'a>(issued: &'a Issued, name: &str) -> &'a str {
    issued.credential.iter().find(|part| part.name == name).unwrap().expose_value()
}

fn certificate(issued: &Issued) -> Certificate {
    Certificate::from_openssh(part(issued, "certificate")).unwrap()
}

#[test]
fn a_certificate_holds_only_the_configured_data() {
    let authority = Authority::new();
    let settings = [
        ("principals", "deploy grid-{sub}"),
        ("trusted_issuer", "https://issuer.example.com"),
        ("valid_minutes", "10"),
        ("extensions", "permit-user-rc permit-pty"),
        ("force_command", "/usr/bin/id -u"),
        ("source_address", "127.0.0.0/8,::1"),
        ("host", "login.example.org"),
    ];
    let issued = authority.ask(authority.context(&settings), Some(&format!("{KEY} joe@home"))).unwrap();
    let certificate = certificate(&issued);
    authority.check(&certificate);
    assert_eq!(certificate.cert_type(), CertType::User);
    assert_eq!(certificate.key_id(), issued.state.as_str());
    assert_eq!(certificate.valid_principals(), ["deploy", "grid-joe"]);
    assert_eq!((certificate.valid_after(), certificate.valid_before()), (NOW - 300, NOW + 600));
    let options = |map: &ssh_key::certificate::OptionsMap| {
        map.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(
        options(certificate.critical_options()),
        ["force-command=/usr/bin/id -u", "source-address=127.0.0.0/8,::1"]
    );
    assert_eq!(options(certificate.extensions()), ["permit-pty=", "permit-user-rc="]);
    let certified = ssh_key::PublicKey::new(certificate.public_key().clone(), "").to_openssh().unwrap();
    assert_eq!(certified, KEY);
    assert_eq!(part(&issued, "principals"), "deploy grid-joe");
    assert_eq!(part(&issued, "host"), "login.example.org");
    assert!(issued.credential.iter().all(|part| part.name != "private key"));
    issued.state.check_keeps_no_secret(&issued.credential).unwrap();
}

#[test]
fn serials_and_nonces_are_random_and_key_ids_follow_the_intent() {
    let authority = Authority::new();
    let context = authority.context(&[]).with_intent(IntentId::new("i-1").unwrap());
    let [first, second] = [0, 1].map(|_| certificate(&authority.ask(context.clone(), None).unwrap()));
    assert_eq!((first.key_id(), second.key_id()), ("KEYWAY_i-1", "KEYWAY_i-1"));
    assert_ne!(first.serial(), second.serial());
    assert_ne!(first.nonce(), second.nonce());
    assert_ne!(first.public_key(), second.public_key());
    assert!(first.serial() != 0 && first.nonce().len() == 32);
}

#[test]
fn a_new_key_is_the_certified_one() {
    let authority = Authority::new();
    let issued = authority.ask(authority.context(&[]), None).unwrap();
    let private = PrivateKey::from_openssh(part(&issued, "private key")).unwrap();
    assert_eq!(private.public_key().key_data(), certificate(&issued).public_key());
}

#[test]
fn the_key_may_be_lent() {
    let lender = Authority::new();
    let lent = CertificateAuthorityKey::from_openssh(fs::read(lender.file("ca")).unwrap()).unwrap();
    let authority = Authority::lent(Some(lent));
    fs::remove_file(authority.file("ca")).unwrap();
    let issued = authority.ask(authority.context(&[("ca_key_file", "")]), Some(KEY)).unwrap();
    lender.check(&certificate(&issued));
    let authority = Authority::new();
    let error = authority.ask(authority.context(&[("ca_key_file", "")]), Some(KEY)).unwrap_err();
    assert!(error.to_string().contains("ca_key_file"), "{error}");
}

#[test]
fn a_key_that_is_missing_is_named_with_the_remedy() {
    let authority = Authority::new();
    let path = authority.file("ca");
    fs::remove_file(&path).unwrap();
    let error = authority.ask(authority.context(&[]), Some(KEY)).unwrap_err();
    let told = error.to_string();
    assert!(!error.kind().is_retryable() && error.effect() == Effect::None, "{error:?}");
    assert!(
        told.contains(&format!("there is no file {}: make it with `ssh-keygen", path.display())),
        "{told}"
    );
    assert!(told.contains("`ca_key_file`") && !told.contains("at the moment"), "{told}");
    assert!(!error.user_message().contains('/'), "users learn no path");
    fs::write(&path, "no key").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let told = authority.ask(authority.context(&[]), Some(KEY)).unwrap_err().to_string();
    assert!(told.contains(path.to_str().unwrap()) && told.contains("it is not a private key"), "{told}");
}

#[test]
fn a_key_that_others_can_read_signs_nothing() {
    let authority = Authority::new();
    fs::set_permissions(authority.file("ca"), Permissions::from_mode(0o640)).unwrap();
    let error = authority.ask(authority.context(&[]), Some(KEY)).unwrap_err();
    assert!(error.effect() == Effect::None, "{error:?}");
    assert!(authority.issued_nothing());
}

/// Needs root, because only root can give a file away.
#[test]
fn a_key_of_another_user_signs_nothing() {
    let authority = Authority::new();
    if std::os::unix::fs::chown(authority.file("ca"), Some(54321), None).is_err() {
        // Reports the skip to `cargo xtask test`.
        if let Some(report) = std::env::var_os("KEYWAY_SKIP_REPORT") {
            let mut report = fs::File::options().create(true).append(true).open(report).unwrap();
            report.write_all(b"root\tauthority keys of others\tonly root gives files away\n").unwrap();
        }
        return;
    }
    let error = authority.ask(authority.context(&[]), Some(KEY)).unwrap_err();
    assert!(error.effect() == Effect::None, "{error:?}");
    assert!(error.detail().contains("belongs to the user 54321"), "{}", error.detail());
    assert!(authority.issued_nothing());
}

#[test]
fn a_revocation_is_stored_once_and_a_revoked_intent_is_not_signed_again() {
    let authority = Authority::new();
    let context = authority.context(&[]).with_intent(IntentId::new("i-1").unwrap());
    let state = authority.ask(context.clone(), Some(KEY)).unwrap().state;
    let empty = fs::read(authority.file("krl")).unwrap();
    assert_eq!(fs::metadata(authority.file("krl")).unwrap().permissions().mode() & 0o7777, 0o644);
    authority.revoke(&state).unwrap();
    let list = fs::read(authority.file("krl")).unwrap();
    assert!(list.len() > empty.len() && list.windows(10).any(|bytes| bytes == b"KEYWAY_i-1"));
    authority.revoke(&state).unwrap();
    assert_eq!(fs::read(authority.file("krl")).unwrap(), list);
    let error = authority.ask(context, Some(KEY)).unwrap_err();
    assert!(matches!(error, IssuerError::Refused { .. }), "{error:?}");
    assert!(matches!(authority.revoke(&CredentialRef::new("OTHER_1")), Err(IssuerError::Refused { .. })));
}

#[test]
fn nothing_is_signed_without_a_list_that_can_be_changed() {
    let authority = Authority::new();
    fs::write(authority.file("krl"), "ssh-ed25519 AAAA a plain list of keys\n").unwrap();
    let error = authority.ask(authority.context(&[]), Some(KEY)).unwrap_err();
    assert!(error.effect() == Effect::None, "{error:?}");
    assert!(authority.revoke(&CredentialRef::new("KEYWAY_1")).is_err());
    assert!(fs::read_to_string(authority.file("krl")).unwrap().starts_with("ssh-ed25519"));
}

#[test]
fn users_of_other_issuers_are_refused() {
    let authority = Authority::new();
    let settings = [("principals", "{sub}"), ("trusted_issuer", "https://issuer.example.com")];
    let mut context = authority.context(&settings);
    context.requester.user_info = UserInfo::new("https://issuer.example.com/", "joe");
    assert!(matches!(authority.ask(context.clone(), None), Err(IssuerError::Refused { .. })));
    context.requester.user_info = UserInfo::new("https://issuer.example.com", "joe,root");
    assert!(matches!(authority.ask(context, None), Err(IssuerError::Refused { .. })));
    // If `principals` names a claim, and no issuer is trusted, this is a mistake of the operator.
    let error = authority.ask(authority.context(&settings[..1]), None).unwrap_err();
    assert!(matches!(error, IssuerError::Invalid { .. }), "{error:?}");
}

#[test]
fn a_wrong_setting_is_reported_without_its_value() {
    let authority = Authority::new();
    for (name, value) in [
        ("krl_file", "needle"),
        ("ca_key_file", "needle"),
        ("principals", "needle needle!"),
        ("principals", ""),
        ("valid_minutes", "needle"),
        ("extensions", "needle"),
        ("force_command", "needle\nneedle"),
        ("source_address", "needle"),
        ("key_types", "needle"),
        ("state_prefix", "needle needle"),
    ] {
        let error = authority.ask(authority.context(&[(name, value)]), Some(KEY)).unwrap_err();
        assert!(matches!(error, IssuerError::Invalid { .. }), "{name}: {error:?}");
        assert!(
            error.to_string().contains(name) && !format!("{error} {error:?}").contains("needle"),
            "{error}"
        );
    }
    assert!(authority.issued_nothing());
}

#[test]
fn restrictions_may_be_long() {
    let authority = Authority::new();
    let command = format!("/usr/bin/env {}", "A=b ".repeat(4090)).trim_end().to_owned();
    let networks: Vec<_> =
        (0..1200).map(|number| format!("10.{}.{}.0/24", number / 256, number % 256)).collect();
    let networks = networks.join(",");
    let settings = [("force_command", command.as_str()), ("source_address", &networks)];
    let issued = authority.ask(authority.context(&settings), Some(KEY)).unwrap();
    let certificate = certificate(&issued);
    authority.check(&certificate);
    let option = |name: &str| certificate.critical_options().get(name).cloned();
    assert_eq!(option("force-command"), Some(command));
    assert_eq!(option("source-address"), Some(networks));
    assert!(part(&issued, "certificate").len() < 50_000);
    let long = "x".repeat(16_385);
    let error = authority.ask(authority.context(&[("force_command", &long)]), Some(KEY)).unwrap_err();
    assert!(error.to_string().contains("at most 16384 bytes"), "{error}");
}
