//! Checks that one side receives exactly what the other sends.

use keyway_core::Effect;
use keyway_core::PluginError as _;
use proptest::collection::btree_map;
use proptest::prelude::*;

use super::values::{context, description, json, name, options, outcome, text};
use crate::wire::{Alphabet, Base64Error, Ended, Profile, base64, host, plugin};
use crate::{CredentialRef, CredentialRequest, IssuerError, Revocation};

proptest! {
    #[test]
    fn a_request_survives_the_wire(
        context in context(),
        parameters in btree_map(name(), json(), 0..4),
        options in options(),
    ) {
        let request = CredentialRequest::new(context).with_parameters(parameters.into());
        let sent = host::encode_request(&request, &options);
        let received = plugin::decode_input(sent.expose().as_bytes());
        prop_assert_eq!(received, Ok(plugin::Input::Request(Box::new(request))));
    }

    #[test]
    fn a_revocation_survives_the_wire(context in context(), state in text(), options in options()) {
        let revocation = Revocation::new(context, CredentialRef::new(state));
        let sent = host::encode_revoke(&revocation, &options);
        let received = plugin::decode_input(sent.expose().as_bytes());
        prop_assert_eq!(received, Ok(plugin::Input::Revoke(Box::new(revocation))));
    }

    #[test]
    fn the_question_for_parameters_survives_the_wire(options in options()) {
        let sent = host::encode_parameter(&options);
        prop_assert_eq!(plugin::decode_input(sent.expose().as_bytes()), Ok(plugin::Input::Parameter));
    }

    #[test]
    fn outcomes_survive_the_wire(outcome in outcome()) {
        let printed = plugin::encode_outcome(&outcome);
        prop_assert!(printed.expose().is_ascii());
        for profile in Profile::ALL {
            let read = host::decode_outcome(printed.expose().as_bytes(), Ended::SUCCESS, profile);
            prop_assert_eq!(&read.unwrap(), &outcome);
        }
    }

    #[test]
    fn descriptions_survive_the_wire(description in description()) {
        let printed = plugin::encode_description(&description);
        for profile in Profile::ALL {
            let read = host::decode_description(printed.expose().as_bytes(), Ended::SUCCESS, profile);
            prop_assert_eq!(&read.unwrap(), &description);
        }
    }

    #[test]
    fn refusals_survive_the_wire(user in text(), log in text(), status in any::<i32>()) {
        let printed = plugin::encode_error(&IssuerError::refused(user.as_str(), log.as_str()));
        for profile in Profile::ALL {
            let printed = printed.expose().as_bytes();
            for error in [
                host::decode_outcome(printed, Ended::Status(status), profile).unwrap_err(),
                host::decode_revoked(printed, Ended::Status(status), profile).unwrap_err(),
                host::decode_description(printed, Ended::Status(status), profile).unwrap_err(),
            ] {
                prop_assert!(matches!(&error, IssuerError::Refused { .. }), "{error:?}");
                prop_assert_eq!((&*error.user_message(), error.detail()), (user.as_str(), log.clone()));
            }
        }
    }

    /// Checks that a failure is never read as a refusal if a credential may exist after it.
    ///
    /// See decision R2.
    #[test]
    fn failures_of_unknown_effect_survive_the_wire(log in text(), status in any::<i32>()) {
        let failed = || IssuerError::Failed { user_message: "sorry".to_owned(), log_message: log.clone() };
        for error in [failed(), IssuerError::system("write the file", log.clone())] {
            let printed = plugin::encode_error(&error);
            for profile in Profile::ALL {
                let printed = printed.expose().as_bytes();
                let read = host::decode_outcome(printed, Ended::Status(status), profile).unwrap_err();
                prop_assert!(matches!(&read, IssuerError::Failed { .. }), "{read:?}");
                prop_assert!(read.effect() == Effect::Unknown);
                prop_assert_eq!((read.user_message(), read.detail()), (error.user_message(), error.detail()));
            }
        }
    }

    /// Checks that the lenient profile reads every answer that the strict profile accepts, with the same result.
    #[test]
    fn the_lenient_profile_accepts_all_that_the_strict_one_does(answer in json(), outcome in outcome()) {
        for printed in [answer.to_ascii().as_bytes(), plugin::encode_outcome(&outcome).expose().as_bytes()] {
            if let Ok(strict) = host::decode_outcome(printed, Ended::SUCCESS, Profile::Strict) {
                let lenient = host::decode_outcome(printed, Ended::SUCCESS, Profile::Lenient);
                prop_assert_eq!(lenient.unwrap(), strict);
            }
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes: Vec<u8>, status: i32) {
        let _ = plugin::decode_input(&bytes);
        let _ = plugin::decode_json(&bytes);
        for profile in Profile::ALL {
            let _ = host::decode_outcome(&bytes, Ended::Status(status), profile);
            let _ = host::decode_revoked(&bytes, Ended::Signal(status), profile);
            let _ = host::decode_description(&bytes, Ended::Status(status), profile);
        }
    }

    #[test]
    fn base64_of_either_alphabet_is_read(bytes: Vec<u8>) {
        for alphabet in [Alphabet::UrlSafe, Alphabet::Standard] {
            let text = base64::encode(&bytes, alphabet);
            prop_assert_eq!(&**base64::decode(text.expose().as_bytes()).unwrap(), bytes.as_slice());
            let bare = text.expose().trim_end_matches('=');
            prop_assert_eq!(&**base64::decode(bare.as_bytes()).unwrap(), bytes.as_slice());
            let padded = format!("{bare}{}", "=".repeat((4 - bare.len() % 4) % 4));
            prop_assert_eq!(&**base64::decode(padded.as_bytes()).unwrap(), bytes.as_slice());
        }
    }
}

#[test]
fn base64_says_where_it_is_wrong() {
    use Base64Error as E;
    for (text, error) in [
        ("YW Jj", E::Foreign { at: 2 }),
        ("YW\nJj", E::Foreign { at: 2 }),
        ("YWJj%3D", E::Foreign { at: 4 }),
        ("YWJj\u{e9}", E::Foreign { at: 4 }),
        ("-_+/", E::Mixed { at: 2 }),
        ("+/a_", E::Mixed { at: 3 }),
        ("YQ=", E::Padding { at: 2 }),
        ("YQ===", E::Padding { at: 2 }),
        ("YWJj====", E::Padding { at: 4 }),
        ("YQ==YQ==", E::Padding { at: 2 }),
        ("====", E::Padding { at: 0 }),
        ("Y===", E::Padding { at: 1 }),
        ("Y", E::Length { length: 1 }),
        ("YWJjZ", E::Length { length: 5 }),
    ] {
        assert_eq!(base64::decode(text.as_bytes()).unwrap_err(), error, "{text:?}");
    }
    // Leftover bits are ignored.
    assert_eq!(**base64::decode(b"YR").unwrap(), *b"a");
}
