//! Properties of tokens, keys and key files.

use std::str;

use keyway_seal::{FileKeySource, Key, KeyRing};

use super::PUBLISHED_KEY;
use super::scratch::Scratch;
use super::silence::shows_nothing;

/// Checks a Fernet token, and then the same bytes as a plaintext.
///
/// An opened token can be sealed again, and the new token opens to the same plaintext. A token has one spelling. A
/// token with one changed byte does not open (decision C8).
pub fn fernet_token(data: &[u8]) {
    let ring = KeyRing::parse([PUBLISHED_KEY]).expect("a key");
    if let Ok(plaintext) = ring.open(data) {
        ring.timestamp(data).expect("a token that opens has a time");
        let again = ring.reseal(data).expect("a token that opens can be sealed again");
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

/// Checks a Fernet key.
///
/// A key has one spelling: it is printed as it was read (decision C8).
pub fn fernet_key(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(key) = Key::parse(text) else { return };
    assert!(key.expose_text().expose() == text, "a key has one spelling");
    let ring = KeyRing::new([key]).expect("a ring");
    assert!(!format!("{ring:?}").contains(text), "Debug shows no key");
}

/// Checks a file of keys.
///
/// Reading gives the keys of its lines, in order. Each key without white space parses by itself,
/// too. The keys stay the same when written again. An error shows nothing of a line (decision C8).
pub fn key_file(data: &[u8]) {
    let folder = Scratch::new();
    let read = FileKeySource::new(folder.file("keys", data)).read();
    let ring = match read {
        Ok(ring) => ring,
        Err(error) => return shows_nothing(&error, data),
    };
    let text = str::from_utf8(data).expect("a file that was read is text");
    let lines = || {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_ascii);
        lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
    };
    let keys: Vec<Key> = lines().map(|line| Key::parse(line).expect("a key in each line")).collect();
    // A key that occurs twice is one key.
    assert!(!keys.is_empty() && ring.ids().len() <= keys.len());
    assert_eq!(ring.primary_id(), keys[0].id());
    assert!(keys.iter().all(|key| ring.contains(key.id())));
    let shown = format!("{ring:?}");
    assert!(lines().all(|line| !shown.contains(line)), "Debug shows no key");
}
