//! Tests of the errors.

use super::*;
use crate::{MetadataFault, OrderId, PluginMeta};

fn every_error() -> Vec<CertificateError> {
    vec![
        CertificateError::refused("sorry", "the policy forbids joe"),
        CertificateError::failed("oh", "disk full"),
        CertificateError::Unsupported { what: "revocation" },
        CertificateError::invalid("the subject", "it has no name"),
        MetadataError::new("profile", MetadataFault::Missing).into(),
        CertificateError::UnknownCa { ca: CaId::new("ca\u{202e}7").unwrap() },
        OrderId::new("").unwrap_err().into(),
        ObjectLimit::TooLarge { bytes: 200_000, limit: PluginMeta::MAX_BYTES }.into(),
        MissingResource { resource: "Storage" }.into(),
        CertificateError::not_ready("the key", "there is no such file /etc/ca"),
        CertificateError::Unavailable { what: "the authority", retry_after: None, source: None },
        CertificateError::system("sign", std::io::Error::other("disk full")),
        CallError::DeadlineExceeded { operation: "issue", deadline: Duration::from_secs(30) }.into(),
        CallError::Panicked { operation: "issue" }.into(),
        CallError::violation("issue", "the chain does not link").into(),
        CallError::Quarantined { operation: "issue" }.into(),
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
            ("invalid", none),
            ("not_found", none),
            ("contract_violation", unknown),
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
fn clients_and_logs_are_told_different_things() {
    for error in every_error() {
        let (client, log) = (error.client_message().into_owned(), error.detail());
        assert!(!client.is_empty() && !log.is_empty(), "{error:?}");
        let inside = ["disk full", "no such file", "chain", "joe", "Storage", "200000"];
        assert!(!inside.iter().any(|word| client.contains(word)), "{client}");
        assert!(!client.contains('\u{202e}') && !log.contains('\u{202e}'), "{client}");
    }
    let log = CertificateError::system("sign", std::io::Error::other("disk full")).detail();
    assert_eq!(log, "the certificate authority could not sign: disk full");
}

#[test]
fn a_log_says_each_thing_once() {
    for error in every_error() {
        let in_own_words =
            matches!(error, CertificateError::Refused { .. } | CertificateError::Failed { .. });
        let said = error.detail().matches(&error.to_string()).count();
        assert_eq!(said, usize::from(!in_own_words), "{error:?}");
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the disk says no")]
struct SystemFailed(ErrorKind, Effect);

impl PluginError for SystemFailed {
    fn kind(&self) -> ErrorKind {
        self.0
    }

    fn effect(&self) -> Effect {
        self.1
    }
}

#[test]
fn a_failed_system_ends_an_order_only_if_it_stays_failed() {
    let retry_after = Some(Duration::from_secs(7));
    let of = |kind, effect| CertificateError::of_system("the storage", SystemFailed(kind, effect));
    for (error, kind, effect) in [
        (of(ErrorKind::Unavailable { retry_after }, Effect::None), "unavailable", Effect::None),
        (of(ErrorKind::Internal, Effect::None), "unavailable", Effect::None),
        (of(ErrorKind::Deleted, Effect::None), "unavailable", Effect::None),
        (of(ErrorKind::Corrupt, Effect::None), "internal", Effect::None),
        (of(ErrorKind::Indeterminate, Effect::Unknown), "internal", Effect::Unknown),
    ] {
        assert_eq!((error.kind().code(), error.effect()), (kind, effect), "{error:?}");
        assert!(error.detail().contains("the disk says no"), "{}", error.detail());
    }
    assert_eq!(of(ErrorKind::Unavailable { retry_after }, Effect::None).kind().retry_after(), retry_after);
}
