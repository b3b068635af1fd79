//! Sealing at rest: Fernet tokens, rings of keys, and where keys come from.
//!
//! ```
//! use keyway_seal::{Key, KeyRing, OpenError};
//!
//! // A ring has one key or more. The first seals, every one opens.
//! let old = KeyRing::new([Key::generate()?])?;
//! let token = old.seal(b"attack at dawn")?;
//! assert_eq!(**old.open(token.as_bytes())?, *b"attack at dawn");
//!
//! // To change keys, read with new and old and write with new, until all is sealed anew.
//! let new = KeyRing::new([Key::generate()?])?;
//! let both = new.with_retiring(&old);
//! let token = both.reseal(token.as_bytes())?;
//!
//! // Then the old ones are needed no more.
//! assert_eq!(**new.open(token.as_bytes())?, *b"attack at dawn");
//! assert!(matches!(old.open(token.as_bytes()), Err(OpenError::NotAuthentic { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A token is text, so it can go wherever text goes. It says openly when it was made and about
//! how long the plaintext is; nothing else can be read from it, and any change to it is
//! noticed. What it does not notice is that it was put in another's place, or that an older
//! token was put back: bind what must not be swapped into the plaintext.
//!
//! What was decided here (decisions C5, C7, C8 and K1): forms are strict, with one spelling for
//! each key and token; time is looked at only when a time to live is given; a [`KeyId`] names a
//! key without giving it away; errors tell a wrong key from damage where that can be known;
//! keys, what is derived from them, and plaintexts are wiped from memory. What cannot be wiped
//! are the copies that the compiler leaves in registers and on the stack when it moves a value.

mod error;
mod key;
mod key_text;
mod random;
mod ring;
mod source;
mod token;

pub use error::{Expected, KeyError, OpenError, ResealError, SealError};
pub use key::{Key, KeyId, KeyIdError};
pub use random::random_bytes;
pub use ring::{Choice, KeyRing};
pub use source::{CallbackKeySource, FileKeySource, KeySource, KeySourceError};
pub use token::token_len;
