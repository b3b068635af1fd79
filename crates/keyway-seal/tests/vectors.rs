//! Tests that initialization vectors are random bytes.

use aes::Aes128;
use aes::cipher::{Block, BlockCipherDecrypt as _, KeyInit as _};
use base64::Engine as _;
use keyway_seal::{Key, KeyRing};

/// Returns the initialization vector in a token.
fn vector(token: &str) -> [u8; 16] {
    let token = base64::engine::general_purpose::URL_SAFE.decode(token).unwrap();
    token[9..25].try_into().unwrap()
}

/// Tests that vectors are not made from a counter or a clock. Otherwise the holder of one key could
/// learn how often, and when, the process sealed with other keys.
#[test]
fn vectors_tell_a_holder_of_the_key_nothing() {
    let key = [7; 32];
    let ring = KeyRing::new([Key::from_bytes(&mut { key })]).unwrap();
    let cipher = Aes128::new_from_slice(&key[16..]).unwrap();
    let vectors: Vec<u128> = (0..9)
        .map(|_| {
            let mut block = Block::<Aes128>::from(vector(&ring.seal(b"").unwrap()));
            cipher.decrypt_block(&mut block);
            u128::from_le_bytes(block.into())
        })
        .collect();
    for pair in vectors.windows(2) {
        let difference = pair[0] ^ pair[1];
        // Eight random bytes begin with 32 zero bits once in four billion times.
        for half in [difference >> 64, difference & u128::from(u64::MAX)] {
            assert!(half >> 32 != 0, "two vectors differ by {difference:x} before they are encrypted");
        }
    }
}

/// Checks that a thread can still seal while its thread-local values are dropped.
#[test]
fn a_thread_that_ends_can_seal() {
    struct Last(KeyRing, std::sync::mpsc::Sender<String>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.1.send(self.0.seal(b"last words").unwrap()).unwrap();
        }
    }
    thread_local!(static LAST: std::cell::OnceCell<Last> = const { std::cell::OnceCell::new() });
    let ring = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let last = Last(ring.clone(), sender);
    std::thread::spawn(move || LAST.with(|kept| kept.set(last).ok().unwrap())).join().unwrap();
    let token = receiver.recv().unwrap();
    assert_eq!(**ring.open(token.as_bytes()).unwrap(), *b"last words");
}
