//! Tests of outcomes and of messages for clients.

use proptest::prelude::*;

use super::*;

const ELLIPSIS: char = '\u{2026}';

fn every_outcome() -> [OrderOutcome; 6] {
    let issued = IssuedCertificate::new(Pem::new("pem").unwrap()).with_message("0");
    [
        issued.into(),
        OrderOutcome::WaitingForCa(Waiting::new("1")),
        OrderOutcome::ClientDataIssue(Waiting::new("2")),
        OrderOutcome::CaUnavailable(Waiting::new("3")),
        OrderOutcome::Canceled("4".into()),
        OrderOutcome::InvalidOperation("5".into()),
    ]
}

#[test]
fn each_outcome_has_its_status_and_its_message() {
    assert_eq!(every_outcome().map(|outcome| outcome.status()), CertificateStatus::ALL);
    for (index, outcome) in every_outcome().iter().enumerate() {
        assert_eq!(outcome.message().as_str(), index.to_string());
        assert_eq!(outcome.waiting().is_none(), outcome.status().is_final());
    }
}

#[test]
fn the_next_method_is_the_one_of_the_seed() {
    use RetryMethod::{Cancel, Check, Issue, Modify};

    let [generated, waiting, client_issue, unavailable, canceled, invalid] = every_outcome();
    for answered in RetryMethod::ALL {
        for finished in [&generated, &canceled, &invalid] {
            assert_eq!(finished.next_method(answered), None);
        }
        for checked in [&waiting, &client_issue] {
            assert_eq!(checked.next_method(answered), Some(Check));
        }
    }
    assert_eq!(
        [Issue, Check, Modify, Cancel].map(|method| unavailable.next_method(method)),
        [Issue, Check, Modify, Cancel].map(Some)
    );
    let again = OrderOutcome::WaitingForCa(Waiting::new("").retry_method(Issue));
    assert_eq!(again.next_method(Check), Some(Issue));
}

#[test]
fn a_delay_of_zero_is_the_default() {
    let delay = Duration::from_millis(1);
    assert_eq!(Waiting::new("").retry_after(delay).retry_after, Some(delay));
    assert_eq!(Waiting::new("").retry_after(delay).retry_after(Duration::ZERO).retry_after, None);
}

proptest! {
    #[test]
    fn a_message_is_one_short_line(text in "(?s).{0,1400}") {
        let message = ClientMessage::new(&text);
        prop_assert!(message.as_str().len() <= ClientMessage::MAX_BYTES);
        prop_assert!(!message.as_str().contains(char::is_control));
        let cut = message.as_str().strip_suffix(ELLIPSIS).filter(|_| text.len() > ClientMessage::MAX_BYTES);
        prop_assert_eq!(cut.is_some(), text.len() > ClientMessage::MAX_BYTES);
        let kept = cut.unwrap_or(message.as_str());
        if cut.is_none() {
            prop_assert_eq!(kept.chars().count(), text.chars().count());
        }
        for (kept, original) in kept.chars().zip(text.chars()) {
            prop_assert!(kept == original || (kept == ' ' && original.is_control()));
        }
    }
}
