//! Tests of the texts with a checked form: names, PEM, types, statuses, methods and reasons.

use proptest::prelude::*;

use super::*;
use crate::{CertificateStatus, RequestType, RequestTypes, RetryMethod, RevocationReason};

#[test]
fn identifiers_are_never_paths() {
    for accepted in ["a", "state-001", "A.b_c-9", &"x".repeat(OrderId::MAX_BYTES)] {
        assert_eq!(OrderId::new(accepted).unwrap().as_str(), accepted);
        assert_eq!(AuthorityName::new(accepted).unwrap().to_string(), accepted);
    }
    for refused in ["", ".", "..", ".a", "a/b", "a b", "\u{e9}", "a\n", &"x".repeat(OrderId::MAX_BYTES + 1)] {
        assert!(OrderId::new(refused).is_err(), "{refused:?}");
        assert!(AuthorityName::new(refused).is_err(), "{refused:?}");
    }
    let error = OrderId::new("s3cret/").unwrap_err().to_string();
    assert!(error.starts_with("this is not the id of an order: use 1 to 128 letters"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn a_pem_text_is_bounded_and_not_blank() {
    for refused in ["", " \n\t", &"x".repeat(Pem::MAX_BYTES + 1)] {
        assert!(Pem::new(refused).is_err());
    }
    let pem = Pem::new("x".repeat(Pem::MAX_BYTES)).unwrap();
    assert_eq!(format!("{pem:?}"), "Pem(65536 bytes)");
}

#[test]
fn the_six_statuses_are_those_of_the_seed() {
    let texts = [
        "certificate generated",
        "waiting for CA",
        "client data issue seen",
        "CA unavailable for request",
        "request canceled",
        "invalid operation",
    ];
    assert_eq!(CertificateStatus::ALL.map(CertificateStatus::as_str), texts);
    for (text, status) in texts.into_iter().zip(CertificateStatus::ALL) {
        assert_eq!(text.parse(), Ok(status));
        // The error message lists every text.
        assert!(crate::UnknownStatus.to_string().contains(text));
        for other in [text.to_uppercase(), format!("{text} "), text.replace(' ', "_"), text[1..].to_owned()] {
            assert_eq!(other.parse::<CertificateStatus>(), Err(crate::UnknownStatus), "{other:?}");
        }
    }
    let finished: Vec<_> = CertificateStatus::ALL.into_iter().filter(|status| status.is_final()).collect();
    assert_eq!(
        finished,
        [CertificateStatus::Generated, CertificateStatus::Canceled, CertificateStatus::InvalidOperation]
    );
}

#[test]
fn methods_are_those_of_the_seed() {
    for method in RetryMethod::ALL {
        assert_eq!(method.as_str().parse(), Ok(method));
        assert!(crate::UnknownMethod.to_string().contains(method.as_str()));
    }
    for other in ["", "issue", "Issue_certificate_request", "check_certificate_status "] {
        assert_eq!(other.parse::<RetryMethod>(), Err(crate::UnknownMethod), "{other:?}");
    }
}

#[test]
fn an_authority_takes_no_type_that_does_not_exist() {
    let all = RequestTypes::CUSTOM
        .and(RequestTypes::FULL_CMC)
        .and(RequestTypes::SIMPLE_CMC)
        .and(RequestTypes::STORED_KEY);
    let single =
        [RequestTypes::CUSTOM, RequestTypes::FULL_CMC, RequestTypes::SIMPLE_CMC, RequestTypes::STORED_KEY];
    for (known, only) in RequestType::KNOWN.iter().zip(single) {
        assert!(all.contains(known));
        let contained: Vec<_> = RequestType::KNOWN.into_iter().filter(|each| only.contains(each)).collect();
        assert_eq!(contained, std::slice::from_ref(known));
    }
    assert!(!all.contains(&RequestType::from_text("Custom")));
}

#[test]
fn reasons_have_the_codes_of_rfc_5280() {
    let codes: Vec<_> = (0..=u8::MAX).filter(|code| RevocationReason::from_code(*code).is_some()).collect();
    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 9, 10]);
    for reason in RevocationReason::ALL {
        assert_eq!(RevocationReason::from_code(reason.code()), Some(reason));
    }
    assert_eq!(RevocationReason::default().code(), 0);
}

proptest! {
    #[test]
    fn a_line_is_taken_as_it_is_or_refused(text in any::<String>()) {
        let fits = !text.is_empty() && text.len() <= CaId::MAX_BYTES && !text.chars().any(char::is_control);
        let taken = CaId::new(text.clone()).ok();
        prop_assert_eq!(taken.as_ref().map(CaId::as_str), fits.then_some(text.as_str()));
        let owner = Owner::new(text.clone()).ok();
        prop_assert_eq!(owner.as_ref().map(Owner::as_str), fits.then_some(text.as_str()));
    }

    #[test]
    fn a_type_keeps_its_text(text in prop_oneof!["[a-z-]{0,12}", any::<String>()]) {
        let request_type = RequestType::from_text(&text);
        prop_assert_eq!(request_type.as_str(), text);
    }
}
