//! What must hold for any bytes whatever, one function for each fuzz target.
//!
//! `cargo xtask fuzz` runs them on what a fuzzer invents, and the test `corpora` of this package on every file
//! under `fuzz/corpus`, so that these are tried without nightly too. Each returns when the property holds and
//! panics when it does not.

#![expect(clippy::missing_panics_doc, reason = "panicking is how they say no")]

use std::{str, sync::LazyLock};

use keyway_convection::format;
use keyway_core::{Compatibility, PluginMetadata, Structured, Version, plugins, read_configuration};
use keyway_issuers::{
    IssuerError, Json, Outcome, Reader,
    wire::{self, Alphabet, Ended, Profile, WireOptions, host, plugin},
};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::SecretStores;
use secrecy::ExposeSecret as _;
use serde_json::Value;

/// A function of this module.
pub type Property = fn(&[u8]);

/// The fuzz targets: the names of the folders under `fuzz/corpus`, and what must hold for what is in them.
pub const ALL: &[(&str, Property)] = &[
    ("compatibility", compatibility),
    ("metadata", metadata),
    ("fernet_token", fernet_token),
    ("fernet_key", fernet_key),
    ("store_document", store_document),
    ("configuration", configuration),
    ("wire_answer", wire_answer),
    ("wire_description", wire_description),
    ("wire_input", wire_input),
    ("wire_base64", wire_base64),
];

/// The key of the golden vectors that the tokens of the corpus were made with. Everybody knows it.
const PUBLISHED_KEY: &str = "jN0g7X4OFIsLLQ5jyYzKCZRtA-3dzJqDSf2jFN0pQZs=";

/// A compatibility string, and after a line break a version.
///
/// Printing and parsing again gives the same; an error points into the text; and the whole matches a version
/// exactly when each clause by itself does (decisions C1 and C2).
pub fn compatibility(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (text, version) = text.split_once('\n').unwrap_or((text, "1.2.3"));
    let range = match Compatibility::parse(text) {
        Ok(range) => range,
        Err(error) => {
            assert!(usize::from(error.at) <= text.len(), "{error} in {} bytes", text.len());
            return;
        }
    };
    assert_eq!(Compatibility::parse(&range.to_string()).as_ref(), Ok(&range), "printed and parsed");
    let version = match Version::parse(version) {
        Ok(version) => version,
        Err(error) => {
            assert!(usize::from(error.at) <= version.len(), "{error} in {} bytes", version.len());
            return;
        }
    };
    assert_eq!(Version::parse(&version.to_string()).as_ref(), Ok(&version), "printed and parsed");
    let each = text
        .split(',')
        .all(|clause| Compatibility::parse(clause).expect("a clause of what parses").matches(&version));
    assert_eq!(range.matches(&version), each, "{range} for {version}: the whole and its clauses");
    assert!(!range.matches(&version) || range.is_satisfiable(), "{range} matches {version}");
}

/// Plugin metadata as JSON.
///
/// What is read is written back the same, and its compatibility string can be satisfied (decisions C2 and C3).
pub fn metadata(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(metadata) = PluginMetadata::from_json(text) else { return };
    let again = PluginMetadata::from_json(&metadata.to_json()).expect("what was written is read");
    assert_eq!(again, metadata);
    assert!(metadata.compatibility().is_satisfiable());
}

/// A Fernet token, and then the same bytes as a plaintext.
///
/// What opens is sealed anew and opens to the same; there is one spelling of a token; a token with one byte
/// changed does not open (decision C8).
pub fn fernet_token(data: &[u8]) {
    let ring = KeyRing::parse([PUBLISHED_KEY]).expect("a key");
    if let Ok(plaintext) = ring.open(data) {
        ring.timestamp(data).expect("what opens has a time");
        let again = ring.reseal(data).expect("what opens is sealed anew");
        assert_eq!(*ring.open(again.as_bytes()).expect("a token"), *plaintext);
    }
    let iv = [data.len().to_le_bytes(), data.len().to_be_bytes()].concat();
    let iv = iv.try_into().expect("two words are sixteen bytes on the systems that are fuzzed");
    let mut token = ring.seal_with_iv(1_700_000_000, iv, data).into_bytes();
    assert_eq!(token.len(), keyway_seal::token_len(data.len()));
    assert_eq!(**ring.open(&token).expect("a token"), *data);
    let place = data.iter().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    let place = place % token.len();
    token[place] = if token[place] == b'A' { b'B' } else { b'A' };
    assert!(ring.open(&token).is_err(), "byte {place} was changed");
}

/// A Fernet key.
///
/// There is one spelling of a key: what is read is printed the same (decision C8).
pub fn fernet_key(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(key) = Key::parse(text) else { return };
    assert!(key.expose_text().expose_secret() == text, "a key has one spelling");
    let ring = KeyRing::new([key]).expect("a ring");
    assert!(!format!("{ring:?}").contains(text), "Debug shows no key");
}

/// The text inside a store file of the Convection plugin.
///
/// What is read can be written; what is written is read as the same, down to the last byte when it is written
/// once more; an error points into the text.
pub fn store_document(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let document = match format::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let lines = text.lines().count() + 1;
            assert!((1..=lines).contains(&error.line()), "line {} of {lines}", error.line());
            return;
        }
    };
    let printed = format::print(&document, &CONVECTION).expect("what was read can be written");
    let again = format::parse(&printed).expect("what was written is read");
    let once_more = format::print(&again, &CONVECTION).expect("it was written before");
    assert!(*once_more == *printed, "writing is stable");
    for (what, one, other) in [
        ("secrets", again.secrets, document.secrets),
        ("settings", again.settings, document.settings),
        ("unknown sections", again.other, document.other),
    ] {
        assert!(Structured::Table(one).same_as(&Structured::Table(other)), "the {what} are the same");
    }
    assert_eq!((again.reads, again.writes), (document.reads, document.writes));
    assert_eq!(again.written_by.version, document.written_by.version);
}

/// The metadata of the Convection plugin.
static CONVECTION: LazyLock<PluginMetadata> = LazyLock::new(|| {
    let registry = plugins! { keyway_convection }.registry().expect("one plugin");
    registry.get::<SecretStores>("convection-generic").expect("that plugin").metadata().clone()
});

/// A configuration as plugins have them, with every kind of field.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct Configuration {
    path: String,
    #[serde(default)]
    page_size: Option<u32>,
    #[serde(default)]
    keys: Vec<KeySource>,
    #[serde(default)]
    limits: std::collections::BTreeMap<String, f64>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "only read")]
enum KeySource {
    File { path: String },
    Callback,
}

/// A plugin's configuration as JSON.
///
/// Every text in it is replaced by one that nobody else uses; what is refused is refused with an error that
/// does not have it, because a configuration may hold a secret.
pub fn configuration(data: &[u8]) {
    const CANARY: &str = "canary-5f2c91";
    fn with_canaries(value: &mut Value) {
        match value {
            Value::String(text) => CANARY.clone_into(text),
            Value::Array(values) => values.iter_mut().for_each(with_canaries),
            Value::Object(fields) => fields.values_mut().for_each(with_canaries),
            _ => {}
        }
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(data) else { return };
    let read = read_configuration::<Configuration>(&value).is_ok();
    with_canaries(&mut value);
    match read_configuration::<Configuration>(&value) {
        // A variant is named by a text too, so only that direction holds.
        Ok(_) => assert!(read, "what a text says decides nothing else"),
        Err(error) => {
            let said = format!("{error} {error:?}");
            assert!(!said.contains(CANARY), "the error shows a value");
        }
    }
}

/// What a plugin printed after a request or a revocation.
///
/// What is read is written and read the same; what the strict profile reads, the lenient one reads the same;
/// and an error shows nothing of what the plugin printed, unless the plugin refused in its own words (decisions
/// W2 and W3).
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
                assert_eq!(&again.expect("what was written is read"), outcome);
                if let Outcome::Issued(issued) = outcome {
                    let _ = issued.state.check_keeps_no_secret(&issued.credential);
                }
            }
            Err(error) => shows_nothing(error, data),
        }
    }
    let failed = host::decode_outcome(data, Ended::Status(1), Profile::Strict);
    let error = failed.expect_err("who ends with status 1 has no success");
    if let Ok(Outcome::Issued(issued)) = &strict {
        assert_eq!(error.orphan(), Some(&issued.state), "the credential is there nevertheless");
    }
    for profile in Profile::ALL {
        if let Err(error) = host::decode_revoked(data, Ended::SUCCESS, profile) {
            shows_nothing(&error, data);
        }
    }
}

/// What a plugin printed about itself.
///
/// As [`wire_answer`]; and what is read is a valid description (decision W4).
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
                assert_eq!(again.expect("what was written is read"), description);
                let configuration = description.resolve_configuration([]).expect("the defaults fit");
                assert_eq!(configuration.iter().count(), description.configuration().len());
                assert!(!description.user_interface().sets.is_empty());
            }
            Err(error) => shows_nothing(&error, data),
        }
    }
}

/// What a host wrote: base64, and then the same bytes as the JSON within it.
///
/// What is read is written and read the same, whatever the alphabet (decision W1).
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

/// Base64, then the same bytes as what is within it, and as JSON.
///
/// An error points into the text; both alphabets give the bytes back; JSON is written and read the same.
pub fn wire_base64(data: &[u8]) {
    use wire::Base64Error as E;
    match wire::base64::decode(data) {
        Ok(bytes) => assert!(bytes.len() <= data.len()),
        Err(E::Foreign { at } | E::Mixed { at } | E::Padding { at }) => assert!(at < data.len()),
        Err(E::Length { length }) => assert!(length <= data.len()),
        Err(other) => panic!("a new error that this property does not know: {other}"),
    }
    for alphabet in [Alphabet::UrlSafe, Alphabet::Standard] {
        let text = wire::base64::encode(data, alphabet);
        assert_eq!(**wire::base64::decode(text.expose().as_bytes()).expect("base64"), *data);
    }
    for reader in [Reader::STRICT, Reader::LENIENT] {
        match reader.read(data) {
            Ok(json) => {
                let again =
                    Reader::STRICT.read(json.to_ascii().as_bytes()).expect("what was written is read");
                assert!(again == json, "it is the same");
                assert!(
                    Json::from(json.to_serde()).kind() == json.kind() || json.kind().to_string() == "number"
                );
            }
            Err(error) => assert!(error.at <= data.len(), "{error}"),
        }
    }
}

/// An error about an answer shows no text of it. Only texts that are long and mixed are looked for, as secrets
/// are: other ones are in our own messages.
fn shows_nothing(error: &IssuerError, printed: &[u8]) {
    if matches!(error, IssuerError::Refused { .. }) {
        return;
    }
    let said = format!("{error} {error:?}");
    let Ok(text) = str::from_utf8(printed) else { return };
    let mixed = |word: &str| {
        word.len() >= 12
            && word.contains(|c: char| c.is_ascii_uppercase())
            && word.contains(|c: char| c.is_ascii_digit())
    };
    for word in text.split(['"', '\\']).filter(|word| mixed(word)) {
        assert!(!said.contains(word), "the error shows {} bytes of the answer", word.len());
    }
}
