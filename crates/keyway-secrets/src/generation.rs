//! Values that the store makes itself (decision C11).

use std::fmt;

use keyway_core::{MediaKind, SecretValue};

use crate::StoreError;

/// The fewest characters that a generated password has (decision C11).
pub const MIN_GENERATED_LENGTH: u32 = 8;

/// The most characters that a generated password has (decision C11).
pub const MAX_GENERATED_LENGTH: u32 = 1024;

/// Where the value of a secret comes from.
///
/// A caller that has a value gives it. One that needs some password, and none that it
/// thought of itself, leaves it to the store: then the value never passes through the hands
/// of whoever creates the secret, and [`get`](crate::SecretStore::get) is the only way to it.
///
/// It is an enum, and not a flag beside a value, so that a store that makes no values cannot
/// overlook the request and store an empty one.
#[derive(Clone, Debug)]
pub enum NewValue {
    /// The caller gives it.
    Given(SecretValue),
    /// The store makes it: a text, by its settings in force and this recipe. Needs
    /// [`Capabilities::generates_values`](crate::Capabilities::generates_values).
    Generated(Recipe),
}

impl NewValue {
    /// The value that the caller gave; for stores that make none.
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) when the store is asked to make one.
    pub fn given(self) -> Result<SecretValue, StoreError> {
        match self {
            Self::Given(value) => Ok(value),
            Self::Generated(_) => Err(Self::unsupported()),
        }
    }

    /// The value that the caller gave, if it gave one.
    pub fn as_given(&self) -> Option<&SecretValue> {
        match self {
            Self::Given(value) => Some(value),
            Self::Generated(_) => None,
        }
    }

    /// What the store is to keep to if it makes the value.
    pub fn recipe(&self) -> Option<&Recipe> {
        match self {
            Self::Given(_) => None,
            Self::Generated(recipe) => Some(recipe),
        }
    }

    /// The kind of the value. What a store makes is a text.
    pub fn kind(&self) -> MediaKind {
        self.as_given().map_or(MediaKind::Text, SecretValue::kind)
    }

    /// What a store answers that makes no values.
    pub fn unsupported() -> StoreError {
        StoreError::Unsupported { what: "generated values" }
    }
}

impl From<SecretValue> for NewValue {
    fn from(value: SecretValue) -> Self {
        Self::Given(value)
    }
}

/// What one generated value shall be where it differs from the store's settings. What is
/// not said is as the settings in force say (decision C11), so [`Recipe::default`] is "as
/// always here".
///
/// Every store that generates values knows these alphabets by name: `printable` (the ASCII
/// letters, digits and punctuation characters; neither white space nor control characters),
/// `ascii_letters` and `digits`. A store may know more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recipe {
    /// How many characters, from [`MIN_GENERATED_LENGTH`] to [`MAX_GENERATED_LENGTH`].
    pub length: Option<u32>,
    /// The name of the alphabet.
    pub alphabet: Option<String>,
}

impl Recipe {
    /// As the settings say.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of characters.
    #[must_use]
    pub fn length(mut self, length: u32) -> Self {
        self.length = Some(length);
        self
    }

    /// Sets the alphabet, by its name.
    #[must_use]
    pub fn alphabet(mut self, name: impl Into<String>) -> Self {
        self.alphabet = Some(name.into());
        self
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.length, &self.alphabet) {
            (None, None) => f.write_str("as the settings say"),
            (Some(length), None) => write!(f, "{length} characters"),
            (None, Some(alphabet)) => write!(f, "of the alphabet {alphabet:?}"),
            (Some(length), Some(alphabet)) => write!(f, "{length} characters of the alphabet {alphabet:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_makes_no_values_says_so() {
        let asked = NewValue::Generated(Recipe::new().length(20));
        assert_eq!((asked.kind(), asked.as_given().is_none()), (MediaKind::Text, true));
        assert_eq!(asked.recipe(), Some(&Recipe::new().length(20)));
        assert!(matches!(asked.given(), Err(StoreError::Unsupported { what: "generated values" })));
        let given = NewValue::from(SecretValue::bytes([1]));
        assert_eq!((given.kind(), given.recipe()), (MediaKind::Bytes, None));
        assert_eq!(given.given().unwrap().expose_bytes(), Some(&[1][..]));
    }

    #[test]
    fn a_recipe_reads_like_what_it_asks_for() {
        assert_eq!(Recipe::new().to_string(), "as the settings say");
        assert_eq!(
            Recipe::new().length(9).alphabet("digits").to_string(),
            "9 characters of the alphabet \"digits\""
        );
    }
}
