//! Errors of a rule, and of the source of randomness.

use thiserror::Error;

use crate::{Alphabet, CharacterClass, MAX_LENGTH, MIN_LENGTH};

/// An error for a rule with a length out of bounds, with an unknown name, or with a required class that the alphabet
/// lacks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The length is out of bounds.
    ///
    /// See decision C11.
    #[error(
        "a password of {length} characters is asked for: give a length from {MIN_LENGTH} to {MAX_LENGTH}"
    )]
    Length {
        /// The length that was given.
        length: i64,
    },
    /// No alphabet has this name.
    #[error("there is no alphabet {name:?}: give one of {}", names(Alphabet::ALL.map(Alphabet::name)))]
    UnknownAlphabet {
        /// The beginning of the name.
        name: String,
    },
    /// No class has this name.
    #[error(
        "there is no class of characters {name:?}: give some of {}",
        names(CharacterClass::ALL.map(CharacterClass::name))
    )]
    UnknownClass {
        /// The beginning of the name.
        name: String,
    },
    /// The alphabet has no character of a class that is required.
    #[error(
        "the class {class} is required, but the alphabet {alphabet} has none of it: choose another alphabet"
    )]
    ClassNotInAlphabet {
        /// The class.
        class: CharacterClass,
        /// The alphabet.
        alphabet: Alphabet,
    },
}

fn names<const COUNT: usize>(names: [&'static str; COUNT]) -> String {
    names.join(", ")
}

/// No password was made, because there was no randomness.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RandomnessError {
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    System(#[from] getrandom::Error),
    /// The source is broken: too many bytes in a row, or too many passwords made of them, had to be discarded.
    #[error("the source of randomness is broken: its bytes are not random")]
    Broken,
}
