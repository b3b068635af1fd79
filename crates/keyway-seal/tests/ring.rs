//! Tests which key of a ring seals and which keys open, even while keys change.

use std::collections::HashSet;

use keyway_core::{ErrorKind, PluginError};
use keyway_seal::{Choice, Key, KeyError, KeyId, KeyRing, OpenError, token_len};

fn ring() -> KeyRing {
    KeyRing::new([Key::generate().unwrap()]).unwrap()
}

/// Makes a ring of three keys, and a ring of each key alone.
fn three() -> (KeyRing, [KeyRing; 3]) {
    let keys = [(); 3].map(|()| Key::generate().unwrap());
    let single = keys.each_ref().map(|key| KeyRing::parse([key.expose_text().expose()]).unwrap());
    (KeyRing::new(keys).unwrap(), single)
}

#[test]
fn the_first_key_seals_and_says_so() {
    let (ring, single) = three();
    assert_eq!(ring.primary_id(), single[0].primary_id());
    let expected: Vec<KeyId> = single.iter().map(KeyRing::primary_id).collect();
    assert_eq!(ring.ids().collect::<Vec<_>>(), expected);

    let (token, key) = ring.seal_with(Choice::default(), b"x").unwrap();
    assert_eq!(key, single[0].primary_id());
    let mut out = b"kept".to_vec();
    assert_eq!(ring.seal_into(b"y", &mut out).unwrap(), key);
    assert!(out.starts_with(b"kept"));
    for token in [ring.seal(b"x").unwrap().as_bytes(), token.as_bytes(), &out[4..]] {
        assert!(single[0].open(token).is_ok());
        assert!(single[1].open(token).is_err());
    }
}

#[test]
fn a_random_choice_uses_every_key() {
    let (ring, single) = three();
    let mut used = HashSet::new();
    // The probability that 200 draws miss at least one of the three keys is below 10^-34.
    for _ in 0..200 {
        let (token, key) = ring.seal_with(Choice::Random, b"x").unwrap();
        let owner = single.iter().find(|ring| ring.contains(key)).unwrap();
        assert_eq!(**owner.open(token.as_bytes()).unwrap(), *b"x");
        used.insert(key);
    }
    assert_eq!(used, ring.ids().collect());
}

#[test]
fn a_random_choice_uses_no_key_that_retires() {
    let (old, _) = three();
    let (new, single) = three();
    let both = new.with_retiring(&old);
    let more = both.with_retiring(&ring());
    let shares = new.with_retiring(&single[1]);
    for (ring, seals) in [(&both, &new), (&more, &new), (&shares, &new), (&both.only_primary(), &single[0])] {
        let used: HashSet<_> = (0..200).map(|_| ring.seal_with(Choice::Random, b"x").unwrap().1).collect();
        assert_eq!(used, seals.ids().collect());
    }
    // In a ring of keys that were selected by name, every key can seal.
    let named = both.select(old.ids()).unwrap();
    assert!(old.contains(named.seal_with(Choice::Random, b"x").unwrap().1));
    let led = both.led_by(old.primary_id()).unwrap();
    let used: HashSet<_> = (0..300).map(|_| led.seal_with(Choice::Random, b"x").unwrap().1).collect();
    assert_eq!(used, new.ids().chain([old.primary_id()]).collect());
}

#[test]
fn a_ring_needs_a_key_and_counts_each_once() {
    assert_eq!(KeyRing::new([]).unwrap_err(), KeyError::NoKeys);
    assert_eq!(KeyRing::parse_lines("\n# nothing but this\n\n").unwrap_err(), KeyError::NoKeys);
    let text = Key::generate().unwrap().expose_text();
    let other = Key::generate().unwrap().expose_text();
    let [text, other] = [text.expose(), other.expose()];
    let ring = KeyRing::parse([text, other, text]).unwrap();
    assert_eq!(ring.ids().len(), 2);
    assert_eq!(ring.primary_id(), KeyRing::parse([text]).unwrap().primary_id());
    let error = KeyRing::parse_lines(&format!("{text}\n{other} x\n")).unwrap_err();
    assert!(matches!(error, KeyError::MalformedLine { line: 2, at: 44, .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

/// Checks that white space around keys is skipped, because editors and shells leave it behind.
#[test]
fn white_space_around_keys_is_skipped() {
    let [text, other] = [(); 2].map(|()| Key::generate().unwrap().expose_text());
    let [text, other] = [text.expose(), other.expose()];
    let plain = KeyRing::parse([text, other]).unwrap();
    for file in [
        format!("{text}\n{other}"),
        format!("{text} \n\t{other}\t\n  \n"),
        format!("{text}\r\n\r\n{other}\r\n\x0c"),
        format!("\u{feff}  # of the door\n  {text}\n{other}\n"),
    ] {
        let ring = KeyRing::parse_lines(&file);
        assert_eq!(ring.map(|ring| ring.ids().collect()), Ok(plain.ids().collect::<Vec<_>>()), "{file:?}");
    }
    // Nothing is skipped within a key.
    for file in [format!("{} {}", &text[..20], &text[20..]), format!("{text} {other}")] {
        assert!(
            matches!(KeyRing::parse_lines(&file), Err(KeyError::MalformedLine { line: 1, .. })),
            "{file:?}"
        );
    }
}

/// Checks a whole change of keys, from the first new key until the old keys are gone.
///
/// See decision C7.
#[test]
fn keys_change_while_reads_and_writes_go_on() {
    let (old, new) = (ring(), ring());
    let before = old.seal(b"before").unwrap();
    let both = new.with_retiring(&old);
    assert_eq!(both.ids().collect::<Vec<_>>(), [new.primary_id(), old.primary_id()]);

    assert_eq!(**both.open(before.as_bytes()).unwrap(), *b"before");
    assert!(new.open(before.as_bytes()).is_err());
    let during = both.seal(b"during").unwrap();
    let moved = both.reseal(before.as_bytes()).unwrap();
    for (token, plaintext) in [(during, b"during"), (moved, b"before")] {
        assert_eq!(**new.open(token.as_bytes()).unwrap(), *plaintext);
        assert_eq!(old.open(token.as_bytes()), Err(OpenError::NotAuthentic { keys: 1 }));
    }
    assert_eq!(both.only_primary().ids().collect::<Vec<_>>(), [new.primary_id()]);
    // A second call of `with_retiring`, as after a crash, adds nothing.
    assert_eq!(both.with_retiring(&old).ids().len(), 2);
    // Keys that the ring already has keep their positions.
    assert_eq!(old.with_retiring(&both).ids().collect::<Vec<_>>(), [old.primary_id(), new.primary_id()]);
}

#[test]
fn a_named_key_moves_to_the_front() {
    let (ring, single) = three();
    let [first, second, third] = single.each_ref().map(KeyRing::primary_id);
    let led = ring.led_by(second).unwrap();
    assert_eq!(led.ids().collect::<Vec<_>>(), [second, first, third]);
    assert!(single[1].open(led.seal(b"x").unwrap().as_bytes()).is_ok());
    assert_eq!(ring.led_by(first).unwrap().ids().collect::<Vec<_>>(), [first, second, third]);
    assert!(single[0].led_by(second).is_none());
}

#[test]
fn with_a_named_key_no_other_is_tried() {
    let (ring, single) = three();
    let token = single[1].seal(b"x").unwrap();
    let [first, second, _] = single.each_ref().map(KeyRing::primary_id);
    assert_eq!(**ring.open_with(second, token.as_bytes()).unwrap(), *b"x");
    let error = ring.open_with(first, token.as_bytes()).unwrap_err();
    assert_eq!((error, error.kind()), (OpenError::Altered { key: first }, ErrorKind::Corrupt));
    let error = single[0].open_with(second, token.as_bytes()).unwrap_err();
    assert_eq!((error, error.kind()), (OpenError::UnknownKey(second), ErrorKind::WrongKey));
    assert!(error.to_string().contains(&second.to_string()));
}

#[test]
fn sealing_into_a_buffer_with_room_allocates_nothing() {
    let ring = ring();
    for len in [0, 1, 15, 16, 17, 64, 4096, 10_000] {
        let plaintext = vec![1; len];
        let mut out = Vec::with_capacity(token_len(len));
        let (room, place) = (out.capacity(), out.as_ptr());
        ring.seal_into(&plaintext, &mut out).unwrap();
        assert_eq!((out.len(), out.capacity(), out.as_ptr()), (token_len(len), room, place));
        assert_eq!(ring.seal(&plaintext).unwrap().len(), token_len(len));
    }
}

#[test]
fn two_tokens_of_one_plaintext_differ() {
    let ring = ring();
    assert_ne!(ring.seal_at(5, b"same").unwrap(), ring.seal_at(5, b"same").unwrap());
}

#[test]
fn the_time_in_a_token_is_now() {
    let ring = ring();
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let before = now();
    let token = ring.seal(b"x").unwrap();
    let time = ring.timestamp(token.as_bytes()).unwrap();
    assert!((before..=now()).contains(&time));
}

#[test]
fn no_output_shows_a_key_or_a_plaintext() {
    let key = Key::generate().unwrap();
    let text = key.expose_text();
    let ring = KeyRing::new([key]).unwrap();
    let token = ring.seal(b"correct horse battery staple").unwrap();
    let mut altered = token.clone().into_bytes();
    altered[60] = if altered[60] == b'A' { b'B' } else { b'A' };
    let errors = [ring.open(&altered), ring.open(&altered[..50]), crate::ring().open(token.as_bytes())];
    let shown = format!("{ring:?} {errors:?} {:?}", errors.iter().flatten().count());
    assert!(shown.contains(&ring.primary_id().to_string()), "{shown}");
    for secret in [&text.expose()[..10], &text.expose()[30..40], "horse", &token[30..40]] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
