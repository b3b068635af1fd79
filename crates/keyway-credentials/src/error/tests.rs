//! Tests of the errors.

use super::*;
use crate::{Cookie, SessionId};

fn every_error() -> Vec<CredentialError> {
    vec![
        CredentialError::refused("sorry", "the policy forbids joe"),
        CredentialError::failed("oh", "disk full"),
        CredentialError::Unsupported { what: "verification" },
        CredentialError::invalid("the ticket", "it has no number"),
        VaultLoginError::NoGatewayLogin.into(),
        CredentialError::UnknownLease { lease: LeaseId::new("lease\u{202e}7").unwrap() },
        SessionId::new("").unwrap_err().into(),
        KeyError::UnsupportedType.into(),
        ObjectLimit::TooLarge { bytes: 200_000, limit: Cookie::MAX_BYTES }.into(),
        MissingResource { resource: "Storage" }.into(),
        CredentialError::not_ready("the key", "there is no such file /etc/vault"),
        CredentialError::Unavailable { what: "the vault", retry_after: None, source: None },
        CredentialError::system("check in", std::io::Error::other("disk full")),
        CallError::DeadlineExceeded { operation: "passwords", deadline: Duration::from_secs(30) }.into(),
        CallError::Panicked { operation: "passwords" }.into(),
        CallError::violation("passwords", "it has a lease and declares none").into(),
        CallError::Quarantined { operation: "passwords" }.into(),
    ]
}

#[test]
fn each_error_has_a_kind_and_an_effect() {
    let rows: Vec<_> = every_error().iter().map(|error| (error.kind().code(), error.effect())).collect();
    let (none, unknown) = (Effect::None, Effect::Unknown);
    assert_eq!(
        rows,
        [
            ("denied", none),
            ("other", unknown),
            ("unsupported", none),
            ("invalid", none),
            ("unauthorized", none),
            ("not_found", none),
            ("contract_violation", unknown),
            ("corrupt", unknown),
            ("contract_violation", unknown),
            ("invalid", none),
            ("internal", none),
            ("unavailable", none),
            ("internal", unknown),
            ("deadline_exceeded", unknown),
            ("contract_violation", unknown),
            ("contract_violation", unknown),
            ("unavailable", none),
        ]
    );
}

#[test]
fn users_and_logs_are_told_different_things() {
    for error in every_error() {
        let (user, log) = (error.user_message().into_owned(), error.detail());
        assert!(!user.is_empty() && !log.is_empty(), "{error:?}");
        let inside = ["disk full", "no such file", "vault", "joe", "Storage", "200000", "gateway"];
        assert!(!inside.iter().any(|word| user.contains(word)), "{user}");
        assert!(!user.contains('\u{202e}') && !log.contains('\u{202e}'), "{log}");
    }
    let log = CredentialError::system("check in", std::io::Error::other("disk full")).detail();
    assert_eq!(log, "the credential store could not check in: disk full");
}

#[test]
fn a_log_says_each_thing_once() {
    for error in every_error() {
        let in_own_words = matches!(error, CredentialError::Refused { .. } | CredentialError::Failed { .. });
        let said = error.detail().matches(&error.to_string()).count();
        assert_eq!(said, usize::from(!in_own_words), "{error:?}");
        if let Some(cause) = std::error::Error::source(&error) {
            assert_eq!(error.detail().matches(&cause.to_string()).count(), 1, "{error:?}");
        }
    }
}
