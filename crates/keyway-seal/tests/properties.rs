//! Tests properties of every plaintext, token and text, with the `fernet` crate as a second implementation.

use std::sync::LazyLock;

use keyway_seal::{Expected, Key, KeyRing, OpenError};
use proptest::prelude::*;

static TEXT: LazyLock<String> = LazyLock::new(|| Key::generate().unwrap().expose_text().expose().to_owned());
static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::parse([TEXT.as_str()]).unwrap());

fn peer() -> fernet::Fernet {
    fernet::Fernet::new(&TEXT).unwrap()
}

/// Tests every length around the first blocks, and lengths around the piece sizes of sealing.
#[test]
fn a_sealed_text_opens() {
    for len in (0..=300).chain([1000, 1023, 1024, 1025, 4096, 65_537, 1 << 20, (1 << 20) + 5]) {
        let plaintext: Vec<u8> = (0..len).map(|at| u8::try_from(at * 7 % 256).unwrap()).collect();
        let token = RING.seal(&plaintext).unwrap();
        assert_eq!(*RING.open(token.as_bytes()).unwrap(), plaintext, "{len}");
        assert_eq!(peer().decrypt(&token), Ok(plaintext.clone()), "{len}");
        let token = peer().encrypt(&plaintext);
        assert_eq!(*RING.open(token.as_bytes()).unwrap(), plaintext, "{len}");
    }
}

/// Flips every bit of the text and cuts it at every length.
#[test]
fn every_flipped_bit_and_every_truncation_is_refused() {
    let token = RING.seal(b"a plaintext of more than two blocks of it").unwrap();
    for bit in 0..token.len() * 8 {
        let mut altered = token.clone().into_bytes();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(RING.open(&altered).is_err(), "bit {bit}");
        assert!(RING.timestamp(&altered).is_err(), "bit {bit}");
    }
    for len in 0..token.len() {
        assert!(RING.open(&token.as_bytes()[..len]).is_err(), "{len}");
        assert!(RING.open(&token.as_bytes()[token.len() - len..]).is_err(), "{len}");
    }
}

/// Generates texts that are keys or similar to keys, and any other texts.
fn nearly_a_key() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[A-Za-z0-9_-]{40,45}={0,3}",
        "[A-Za-z0-9_-]{42}[A-Za-z0-9_+/ \n-]{0,2}[=\n]{0,2}",
        (0..44_usize, any::<char>()).prop_map(|(at, other)| {
            let mut text: Vec<char> = TEXT.chars().collect();
            text[at] = other;
            text.into_iter().collect()
        }),
    ]
}

proptest! {
    #[test]
    fn both_implementations_agree(plaintext in prop::collection::vec(any::<u8>(), 0..5000)) {
        let token = RING.seal(&plaintext).unwrap();
        prop_assert_eq!(peer().decrypt(&token), Ok(plaintext.clone()));
        let token = peer().encrypt(&plaintext);
        prop_assert_eq!(&*RING.open(token.as_bytes()).unwrap(), &plaintext);
    }

    /// Changes, inserts or removes one byte of a token. The token opens only if it is unchanged.
    #[test]
    fn altered_text_never_opens(
        plaintext in prop::collection::vec(any::<u8>(), 0..100),
        at in any::<prop::sample::Index>(),
        other in any::<u8>(),
        how in 0..3,
    ) {
        let token = RING.seal(&plaintext).unwrap().into_bytes();
        let at = at.index(token.len());
        let mut altered = token.clone();
        match how {
            0 => altered[at] = other,
            1 => altered.insert(at, other),
            _ => { altered.remove(at); }
        }
        let opened = RING.open(&altered);
        prop_assert_eq!(opened.is_ok(), altered == token, "{:?}", opened);
        if let Err(OpenError::Malformed { at, .. }) = opened {
            prop_assert!(at <= altered.len());
        }
    }

    #[test]
    fn no_bytes_make_opening_panic(token in prop::collection::vec(any::<u8>(), 0..400)) {
        let error = RING.open(&token).unwrap_err();
        prop_assert_eq!(error == OpenError::Empty, token.is_empty());
        let _ = RING.open_within(&token, std::time::Duration::MAX, u64::MAX).unwrap_err();
    }

    /// Generates well-formed text of at least 48 characters, so that most texts pass the Base64 check.
    #[test]
    fn no_text_of_the_alphabet_opens(token in "gA[A-Za-z0-9_-]{96}[AQgw]==|[A-Za-z0-9_-]{4,400}={0,2}") {
        prop_assert!(RING.open(token.as_bytes()).is_err());
    }

    /// Checks that a text is a key if and only if it decodes to 32 bytes and equals their encoding.
    #[test]
    fn a_key_has_one_spelling(text in nearly_a_key()) {
        match Key::parse(&text) {
            Ok(key) => {
                let again = key.expose_text();
                prop_assert_eq!(again.expose(), &text);
                prop_assert!(fernet::Fernet::new(&text).is_some());
            }
            Err(keyway_seal::KeyError::Malformed { at, expected }) => {
                prop_assert!(at <= text.len());
                prop_assert_eq!(at == text.len(), expected == Expected::More || (expected == Expected::Padding && text.len() == 43));
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn every_key_reads_as_it_writes(mut bytes: [u8; 32]) {
        let expected = {
            use base64::Engine;
            base64::engine::general_purpose::URL_SAFE.encode(bytes)
        };
        let text = Key::from_bytes(&mut bytes).expose_text();
        prop_assert_eq!(text.expose(), &expected);
        let again = Key::parse(&expected).unwrap().expose_text();
        prop_assert_eq!(again.expose(), &expected);
    }

    #[test]
    fn any_text_is_a_ring_or_says_which_line(text in "([A-Za-z0-9_=#-]{0,45}\n){0,4}|\\PC*") {
        match KeyRing::parse_lines(&text) {
            Ok(ring) => prop_assert!(ring.ids().len() > 0),
            Err(keyway_seal::KeyError::MalformedLine { line, at, .. }) => {
                let line = text.lines().nth(line - 1).unwrap();
                prop_assert!(!line.starts_with('#') && at <= line.len());
            }
            Err(error) => prop_assert_eq!(error, keyway_seal::KeyError::NoKeys),
        }
    }
}
