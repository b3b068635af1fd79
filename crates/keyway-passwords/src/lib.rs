//! Passwords, drawn uniformly from a named alphabet.
//!
//! See decision C11.
//!
//! ```
//! use keyway_passwords::{Alphabet, CharacterClass, PasswordRule};
//!
//! // Twenty characters, each drawn independently.
//! let rule = PasswordRule::new(20, Alphabet::Printable)?;
//! let password = rule.generate()?;
//! assert_eq!(password.len(), 20);
//! assert!(password.chars().all(|character| Alphabet::Printable.characters().contains(character)));
//!
//! // For a service that requires a digit. Names come from settings.
//! let alphabet: Alphabet = "alphanumeric".parse()?;
//! let rule = PasswordRule::new(12, alphabet)?.requiring([CharacterClass::Digit])?;
//! assert!(rule.generate()?.bytes().any(|byte| byte.is_ascii_digit()));
//!
//! // An impossible rule is refused when it is made, before any password is.
//! assert!(PasswordRule::new(7, alphabet).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises
//! * Every password that the rule allows is equally likely. Random bytes that would favour some characters are
//!   discarded. A password that lacks a required class is discarded as a whole, because inserting a digit, for example,
//!   would make some passwords rarer than others.
//! * Randomness comes from the operating system ([`getrandom`]). Tests can give another source:
//!   [`PasswordRule::generate_from`].
//! * Passwords and their random bytes are zeroized when they are dropped.
//!
//! [`PasswordRule::bits`] measures how hard a password is to guess.
//!
//! The plugins `keyway-passdb` and `keyway-convection` make their passwords with this crate. The crate does not depend
//! on any store. It blocks only while the system has no randomness, shortly after the machine starts.

mod alphabet;
mod class;
mod error;
mod rule;
mod sampling;

pub use alphabet::Alphabet;
pub use class::CharacterClass;
pub use error::{RandomnessError, RuleError};
pub use rule::{MAX_LENGTH, MIN_LENGTH, PasswordRule};
