//! Passwords, drawn uniformly from a named alphabet (decision C11).
//!
//! ```
//! use keyway_passwords::{Alphabet, CharacterClass, PasswordRule};
//!
//! // Twenty characters, each of them drawn for itself.
//! let rule = PasswordRule::new(20, Alphabet::Printable)?;
//! let password = rule.generate()?;
//! assert_eq!(password.len(), 20);
//! assert!(password.chars().all(|character| Alphabet::Printable.characters().contains(character)));
//!
//! // For a service that insists on a digit. Names come from settings.
//! let alphabet: Alphabet = "alphanumeric".parse()?;
//! let rule = PasswordRule::new(12, alphabet)?.requiring([CharacterClass::Digit])?;
//! assert!(rule.generate()?.bytes().any(|byte| byte.is_ascii_digit()));
//!
//! // What cannot be is refused when the rule is made, not when a password is.
//! assert!(PasswordRule::new(7, alphabet).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//! * Every password that the rule allows is equally likely. Random bytes that would favour some
//!   characters are thrown away, not folded; where classes are required, whole passwords that
//!   lack one are thrown away, because putting a digit somewhere would make the others rarer.
//! * Randomness comes from the operating system ([`getrandom`]). Another source can be given for
//!   tests: [`PasswordRule::generate_from`].
//! * Passwords and the random bytes that they are made of are zeroized when they are dropped.
//!
//! How hard a password is to guess, [`PasswordRule::bits`] says.
//!
//! The plugins `keyway-passdb` and `keyway-convection` make their passwords with this crate. It
//! knows nothing of stores, and blocks only where the system's source of randomness does: early
//! after the start of the machine.

mod alphabet;
mod class;
mod error;
mod rule;
mod sampling;

pub use alphabet::Alphabet;
pub use class::CharacterClass;
pub use error::{RandomnessError, RuleError};
pub use rule::{MAX_LENGTH, MIN_LENGTH, PasswordRule};
