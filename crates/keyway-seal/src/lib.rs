//! Encryption at rest: Fernet tokens, key rings and key sources.
//!
//! ```
//! use keyway_seal::{Key, KeyRing, OpenError};
//!
//! // A ring has one key or more. The first seals, every one opens.
//! let old = KeyRing::new([Key::generate()?])?;
//! let token = old.seal(b"attack at dawn")?;
//! assert_eq!(**old.open(token.as_bytes())?, *b"attack at dawn");
//!
//! // To change keys, read with new and old keys and write with the new one, until all tokens are resealed.
//! let new = KeyRing::new([Key::generate()?])?;
//! let both = new.with_retiring(&old);
//! let token = both.reseal(token.as_bytes())?;
//!
//! // Then the old keys are no longer needed.
//! assert_eq!(**new.open(token.as_bytes())?, *b"attack at dawn");
//! assert!(matches!(old.open(token.as_bytes()), Err(OpenError::NotAuthentic { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A token is a text. Without a key, a reader sees the time at which the token was made and the approximate length of
//! the plaintext, and nothing else. Every change to a token is detected. A token that was moved to another place, or
//! replaced by an older one, is not detected: bind the plaintext to its place if that matters.
//!
//! Forms are strict: each key and each token has one spelling. The time in a token matters only if a time to live is
//! given. A [`KeyId`] names a key without revealing it. Errors distinguish a wrong key from damage where that is
//! possible. Keys, derived keys and plaintexts are wiped from memory, except for copies that the compiler leaves in
//! registers and on the stack when it moves a value (decisions C5, C7, C8 and K1).

mod block;
mod error;
mod key;
mod key_text;
mod random;
mod ring;
mod source;
mod token;

pub use block::{overwrite_stack, unpadded_len};
pub use error::{Expected, KeyError, OpenError, ResealError, SealError};
pub use key::{Key, KeyId, KeyIdError};
pub use random::random_bytes;
pub use ring::{Choice, KeyRing};
pub use source::{CallbackKeySource, FileKeySource, KeySource, KeySourceError};
pub use token::token_len;
