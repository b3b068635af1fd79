//! Checks the requests of Locker's official SDKs, and the answers of Locker's service.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_core::Plugins;
use keyway_locker::fuzzing;
use keyway_locker_sdk::{Configuration, answer};
use serde_json::Value;

/// A store whose plugin is not linked, so a request gets as far as it can without a file. The secret access key
/// is `QUI=`.
const CONFIGURATION: &str = "
    [stores.web]
    plugin = 'generic'
    keys = '/nowhere'
    [[access]]
    id = '0f8fad5b-d9cb-469f-a165-70867728950e'
    secret_sha256 = '49cfc4f8614634a80b2929b144b43bfea3c21d3c33d16660f73189e6a7dc7cfb'
    store = 'web'
";
const PLUGINS: Plugins = Plugins::new(&[]);

/// Checks the answer of `locker-sdk` to a request of any bytes.
///
/// The answer is one object of the protocol. If the answer has an id, another JSON reader finds the same id in the
/// request. The answer repeats nothing else of the request. Only a request for capabilities succeeds.
pub fn locker_request(data: &[u8]) {
    let text = answer(data, &PLUGINS, || Configuration::parse(CONFIGURATION, Path::new("locker-sdk.toml")));
    let answer: Value = serde_json::from_str(&text).expect("the answer is JSON");
    assert_eq!(answer["jsonrpc"], "2.0");
    let request = serde_json::from_slice::<Value>(data).ok();
    if let Some(id) = answer["id"].as_str() {
        let request = request.as_ref().expect("a request with an id is JSON for others, too");
        assert_eq!(request["id"], id, "the answer has the id of the request");
    }
    match (answer.get("result"), answer.get("error")) {
        (Some(result), None) => {
            assert_eq!(request.expect("JSON")["method"], "system.capabilities");
            assert_eq!(result["data"]["protocol"]["name"], "locker.sdk");
        }
        (None, Some(error)) => {
            assert_eq!(error["message"], error["data"]["kind"], "a message shows nothing of the request");
            assert!(error["code"].is_i64() && error["data"]["retryable"].is_boolean());
            assert_eq!(answer.as_object().map(serde_json::Map::len), Some(3));
        }
        _ => panic!("an answer has either a result or an error: {text:?}"),
    }
}

/// Checks the texts in which Locker's service holds names and values.
///
/// A text opens only if sealing its plaintext gives the same text. A sealed text does not open after a change of one
/// character. An authentic ciphertext opens exactly if its padding is right.
pub fn locker_cipher(data: &[u8]) {
    let iv = |bytes: &[u8]| bytes.first_chunk::<16>().copied();
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(plaintext) = fuzzing::open(text)
    {
        let written = text.strip_prefix("2.").and_then(|rest| rest.split('|').next());
        let written = STANDARD.decode(written.expect("an authentic text has an IV")).expect("it is Base64");
        let again = fuzzing::seal(&plaintext, &iv(&written).expect("an IV has 16 bytes"));
        assert_eq!(again, text, "a text has one spelling");
    }
    let Some((iv, rest)) = data.split_first_chunk::<16>() else { return };
    let authentic = fuzzing::authenticate(iv, rest);
    if let Some(plaintext) = fuzzing::open(&authentic) {
        assert_eq!(fuzzing::seal(&plaintext, iv), authentic, "only a right padding opens");
    }
    let sealed = fuzzing::seal(rest, iv);
    assert_eq!(fuzzing::open(&sealed).as_deref(), Some(rest));
    let at = usize::from(iv[0]) * 256 + usize::from(iv[1]);
    let mut changed = sealed.into_bytes();
    let at = at % changed.len();
    changed[at] ^= 1 << (iv[2] % 7);
    let changed = String::from_utf8(changed).expect("a change within ASCII");
    assert_eq!(fuzzing::open(&changed), None, "a changed text opens");
}

/// Checks the reading of the answers of Locker's service.
///
/// If an answer is accepted, another JSON reader accepts it, too, and finds the same number of items. Ids are safe in
/// paths, a second reading gives the same result, and no error repeats any part of an answer.
pub fn locker_answer(data: &[u8]) {
    for read in [fuzzing::secrets, fuzzing::environments] {
        let Some(page) = read(data) else { continue };
        let other: Value = serde_json::from_slice(data).expect("a page is JSON for others, too");
        assert_eq!(other["count"].as_u64(), Some(page.count));
        assert_eq!(other["results"].as_array().map(Vec::len), Some(page.ids.len()));
        for id in &page.ids {
            assert!(
                !id.is_empty()
                    && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            );
        }
        assert_eq!(read(data), Some(page));
    }
    let status = u16::from(data.first().copied().unwrap_or_default()) + 300;
    let usual = fuzzing::read_otherwise(status, b"");
    for said in fuzzing::read_otherwise(status, data).into_iter().filter(|said| !usual.contains(said)) {
        // An answer may happen to contain the constant text of a message. A message is constant if another answer has
        // the same message.
        let without = without_runs_of(data, said.as_bytes());
        let is_constant = without == data || fuzzing::read_otherwise(status, &without).contains(&said);
        assert!(is_constant, "an error repeats the answer: {said}");
    }
}

/// Returns the data with a change in each long run of bytes that the data share with a message. Such a run is no
/// coincidence.
fn without_runs_of(data: &[u8], said: &[u8]) -> Vec<u8> {
    const LONG: usize = 40;
    let mut changed = data.to_vec();
    let is_shared = |part: &[u8]| said.windows(LONG).any(|other| other == part);
    while let Some(at) = changed.windows(LONG).position(is_shared) {
        let byte = &mut changed[at + LONG / 2];
        *byte = if *byte == b'x' { b'y' } else { b'x' };
    }
    changed
}
