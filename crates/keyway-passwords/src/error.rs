//! What can be wrong with a rule, and with the source of randomness.

use thiserror::Error;

use crate::{Alphabet, CharacterClass, MAX_LENGTH, MIN_LENGTH};

/// A rule that no password could keep, or that says something nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The length is out of bounds (decision C11).
    #[error(
        "a password of {length} characters is asked for: give a length from {MIN_LENGTH} to {MAX_LENGTH}"
    )]
    Length {
        /// The length that was given.
        length: i64,
    },
    /// There is no alphabet of this name.
    #[error("there is no alphabet {name:?}: give one of {}", names(Alphabet::ALL.map(Alphabet::name)))]
    UnknownAlphabet {
        /// The beginning of the name.
        name: String,
    },
    /// There is no class of this name.
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

/// There was no randomness to make a password of.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RandomnessError {
    /// The system gave none.
    #[error("the system gave no random bytes: {0}")]
    System(#[from] getrandom::Error),
    /// The source gives what cannot be random: nothing usable came of very many bytes.
    #[error("the source of randomness is broken: what it gives is not random")]
    Broken,
}
