//! Checks the messages between hosts and executables of WaTTS.

use std::str;

use keyway_core::json::{JsonFault, Reader};
use keyway_issuers::{
    Json, RequestOutcome, UserId,
    wire::{self, Alphabet, Ended, Profile, WireOptions, host, plugin},
};

use super::silence::{issuer_shows_nothing, shows_nothing};

/// Checks a plugin's output after a request or a revocation.
///
/// An answer survives a round trip. The lenient profile reads every strict answer in the same way. An error shows
/// nothing of the plugin's output, unless the plugin refused in its own words (decisions W2 and W3).
pub fn wire_answer(data: &[u8]) {
    let strict = host::decode_outcome(data, Ended::SUCCESS, Profile::Strict);
    let lenient = host::decode_outcome(data, Ended::SUCCESS, Profile::Lenient);
    if let Ok(strict) = &strict {
        assert_eq!(lenient.as_ref().expect("the lenient profile reads it too"), strict);
    }
    for outcome in [&strict, &lenient] {
        match outcome {
            Ok(outcome) => {
                let printed = plugin::encode_outcome(outcome);
                let again =
                    host::decode_outcome(printed.expose().as_bytes(), Ended::SUCCESS, Profile::Strict);
                assert_eq!(&again.expect("a written answer can be read"), outcome);
                if let RequestOutcome::Issued(issued) = outcome {
                    let _ = issued.state.check_keeps_no_secret(&issued.credential);
                }
            }
            Err(error) => issuer_shows_nothing(error, data),
        }
    }
    let failed = host::decode_outcome(data, Ended::Status(1), Profile::Strict);
    let error = failed.expect_err("who ends with status 1 has no success");
    if let Ok(RequestOutcome::Issued(issued)) = &strict {
        assert_eq!(error.orphan(), Some(&issued.state), "the credential is there nevertheless");
    }
    for profile in Profile::ALL {
        if let Err(error) = host::decode_revoked(data, Ended::SUCCESS, profile) {
            issuer_shows_nothing(&error, data);
        }
    }
}

/// Checks a plugin's description of itself.
///
/// The description has the properties of [`wire_answer`], and is valid (decision W4).
pub fn wire_description(data: &[u8]) {
    let strict = host::decode_description(data, Ended::SUCCESS, Profile::Strict);
    let lenient = host::decode_description(data, Ended::SUCCESS, Profile::Lenient);
    if let Ok(strict) = &strict {
        assert_eq!(lenient.as_ref().expect("the lenient profile reads it too"), strict);
    }
    for description in [strict, lenient] {
        match description {
            Ok(description) => {
                let printed = plugin::encode_description(&description);
                let again =
                    host::decode_description(printed.expose().as_bytes(), Ended::SUCCESS, Profile::Strict);
                assert_eq!(again.expect("a written description can be read"), description);
                let configuration = description.resolve_configuration([]).expect("the defaults fit");
                assert_eq!(configuration.iter().count(), description.configuration().len());
                assert!(!description.user_interface().sets.is_empty());
            }
            Err(error) => issuer_shows_nothing(&error, data),
        }
    }
}

/// Checks a host's input: base64, and then the same bytes as the JSON within it.
///
/// An input survives a round trip in either alphabet (decision W1).
pub fn wire_input(data: &[u8]) {
    let _ = plugin::decode_input(data);
    let Ok(input) = plugin::decode_json(data) else { return };
    for alphabet in [Alphabet::UrlSafe, Alphabet::Standard] {
        let options = WireOptions::new("1.6.1").with_alphabet(alphabet).with_intent_id(true);
        let written = match &input {
            plugin::Input::Parameter => host::encode_parameter(&options),
            plugin::Input::Request(request) => host::encode_request(request, &options),
            plugin::Input::Revoke(revocation) => host::encode_revoke(revocation, &options),
        };
        assert!(written.expose().is_ascii());
        assert_eq!(plugin::decode_input(written.expose().as_bytes()).as_ref(), Ok(&input));
    }
}

/// Checks base64, then the same bytes as content to encode, and as the id of a user, which is base64.
///
/// An error names a position in the text. Another reader reads the same bytes. Both alphabets give the bytes back. An
/// id with readable parts survives a round trip (decision W1).
pub fn wire_base64(data: &[u8]) {
    use wire::Base64Error as E;
    match wire::base64::decode(data) {
        Ok(bytes) => {
            let text = str::from_utf8(data).expect("base64 is ASCII");
            assert_eq!(*bytes, bits(text), "another reader differs");
        }
        Err(E::Foreign { at } | E::Mixed { at } | E::Padding { at }) => assert!(at < data.len()),
        Err(E::Length { length }) => assert!(length <= data.len()),
        Err(other) => panic!("a new error that this property does not know: {other}"),
    }
    for alphabet in [Alphabet::UrlSafe, Alphabet::Standard] {
        let text = wire::base64::encode(data, alphabet);
        assert_eq!(**wire::base64::decode(text.expose().as_bytes()).expect("base64"), *data);
    }
    let Ok(text) = str::from_utf8(data) else { return };
    if let Some((issuer, subject)) = UserId::received(text).parts() {
        let again = UserId::of(&issuer, &subject);
        assert_eq!(again.parts(), Some((issuer, subject)), "a user's id is written and read");
    }
}

/// Returns the bytes of a base64 text in either alphabet, decoded bit by bit.
fn bits(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for symbol in text.trim_end_matches('=').bytes() {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            other => panic!("{other} is no symbol"),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_le_bytes()[0]);
        }
    }
    bytes
}

/// Checks JSON.
///
/// If the strict reader reads a text, the lenient reader and another parser read the same. If the other parser reads a
/// text and the strict reader refuses it, the text has a field twice or is nested too deep. An error names a position
/// in the text (decision W2).
pub fn wire_json(data: &[u8]) {
    let (strict, lenient) = (Reader::STRICT.read(data), Reader::LENIENT.read(data));
    let other = serde_json::from_slice::<serde_json::Value>(data);
    match &strict {
        Ok(json) => {
            assert!(lenient.as_ref().is_ok_and(|lenient| lenient == json), "the lenient reader differs");
            match &other {
                Ok(other) => assert!(agree(json, other), "the other parser differs"),
                // The other parser rounds the largest float upwards.
                Err(error) => {
                    assert!(error.to_string().contains("out of range"), "the other parser: {error}");
                }
            }
        }
        Err(error) => {
            assert!(error.at <= data.len(), "{error}");
            shows_nothing(error, data);
            let by_design = matches!(
                error.fault,
                JsonFault::Duplicate | JsonFault::TooDeep { .. } | JsonFault::TooManyCollections { .. }
            );
            assert!(other.is_err() || by_design, "the other parser reads it: {error}");
        }
    }
    match &lenient {
        Ok(json) => {
            let again = Reader::STRICT.read(json.to_ascii().as_bytes()).expect("a written value can be read");
            assert!(again == *json, "a round trip keeps the value");
        }
        Err(error) => {
            assert!(error.at <= data.len(), "{error}");
            shows_nothing(error, data);
        }
    }
}

/// Tells whether two readers read the same value, within the limits of the other reader. The other reader makes floats
/// of `-0` and of integers beyond 64 bits, and is inexact in the last digits of floats.
fn agree(json: &Json, other: &serde_json::Value) -> bool {
    use serde_json::Value;
    let near = |ours: f64, theirs: &serde_json::Number| {
        theirs.as_f64().is_some_and(|theirs| (ours - theirs).abs() <= ours.abs() * 1e-14)
    };
    match (json, other) {
        (Json::Integer(integer), Value::Number(number)) => {
            let decimal = integer.decimal();
            number.to_string() == decimal || decimal.parse().is_ok_and(|ours| near(ours, number))
        }
        (Json::Float(float), Value::Number(number)) => near(float.get(), number),
        (Json::Array(items), Value::Array(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(item, other)| agree(item, other))
        }
        (Json::Object(fields), Value::Object(others)) => {
            fields.len() == others.len()
                && fields
                    .iter()
                    .all(|(name, value)| others.get(name.as_str()).is_some_and(|other| agree(value, other)))
        }
        (Json::Integer(_) | Json::Float(_) | Json::Array(_) | Json::Object(_), _) => false,
        (json, other) => json.to_serde() == *other,
    }
}
