//! Names classes of characters that a password must contain.

use std::fmt;
use std::str::FromStr;

use crate::{Alphabet, RuleError};

/// A class of characters. A password contains at least one of each required class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CharacterClass {
    /// `lowercase`: `a-z`.
    Lowercase,
    /// `uppercase`: `A-Z`.
    Uppercase,
    /// `digit`: `0-9`.
    Digit,
    /// `punctuation`: a printable character that is neither letter nor digit.
    Punctuation,
}

impl CharacterClass {
    /// All classes.
    pub const ALL: [Self; 4] = [Self::Lowercase, Self::Uppercase, Self::Digit, Self::Punctuation];

    /// Returns the name that settings use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
            Self::Digit => "digit",
            Self::Punctuation => "punctuation",
        }
    }

    /// Tells whether the class contains the character.
    pub const fn contains(self, character: u8) -> bool {
        match self {
            Self::Lowercase => character.is_ascii_lowercase(),
            Self::Uppercase => character.is_ascii_uppercase(),
            Self::Digit => character.is_ascii_digit(),
            Self::Punctuation => character.is_ascii_punctuation(),
        }
    }

    /// Counts the characters of an alphabet that are of this class.
    pub(crate) fn count_in(self, alphabet: Alphabet) -> usize {
        alphabet.characters().bytes().filter(|character| self.contains(*character)).count()
    }
}

impl fmt::Display for CharacterClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for CharacterClass {
    type Err = RuleError;

    /// # Errors
    /// [`RuleError::UnknownClass`] lists the classes.
    fn from_str(name: &str) -> Result<Self, RuleError> {
        Self::ALL
            .into_iter()
            .find(|class| class.name() == name)
            .ok_or_else(|| RuleError::UnknownClass { name: name.chars().take(40).collect() })
    }
}
