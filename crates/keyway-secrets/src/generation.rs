//! Describes values that the store generates.
//!
//! See decision C11.

use std::fmt;

use keyway_core::{MediaKind, SecretValue};

use crate::StoreError;

/// The smallest length of a generated password.
///
/// See decision C11.
pub const MIN_GENERATED_LENGTH: u32 = 8;

/// The largest length of a generated password.
///
/// See decision C11.
pub const MAX_GENERATED_LENGTH: u32 = 1024;

/// The source of a secret's value.
///
/// A caller that has a value gives it. A caller that only needs a new password lets the store generate one: then the
/// creator of the secret never holds the value, and [`get`](crate::SecretStore::get) is the only way to read the value.
///
/// This is an enum rather than a flag beside a value, so that a store that cannot generate values
/// does not overlook the request and store an empty value.
#[derive(Clone, Debug)]
pub enum NewValue {
    /// The caller gives the value.
    Given(SecretValue),
    /// The store generates a text from its settings in force and from this recipe. Needs the capability
    /// [`Capabilities::generates_values`](crate::Capabilities::generates_values).
    Generated(Recipe),
}

impl NewValue {
    /// Returns the caller's value, for a store that does not generate values.
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) if the store is asked to generate one.
    pub fn given(self) -> Result<SecretValue, StoreError> {
        match self {
            Self::Given(value) => Ok(value),
            Self::Generated(_) => Err(Self::unsupported()),
        }
    }

    /// Returns the caller's value, if there is one.
    pub fn as_given(&self) -> Option<&SecretValue> {
        match self {
            Self::Given(value) => Some(value),
            Self::Generated(_) => None,
        }
    }

    /// Returns the recipe, if the store is to generate the value.
    pub fn recipe(&self) -> Option<&Recipe> {
        match self {
            Self::Given(_) => None,
            Self::Generated(recipe) => Some(recipe),
        }
    }

    /// Returns the kind of the value. A generated value is a text.
    pub fn kind(&self) -> MediaKind {
        self.as_given().map_or(MediaKind::Text, SecretValue::kind)
    }

    /// Makes the error of a store that does not generate values.
    pub fn unsupported() -> StoreError {
        StoreError::Unsupported { what: "generated values" }
    }
}

impl From<SecretValue> for NewValue {
    fn from(value: SecretValue) -> Self {
        Self::Given(value)
    }
}

/// The options of a caller for one generated value. An option that is not set follows the store's settings in force, so
/// [`Recipe::default`] follows only the settings (decision C11).
///
/// Every store that generates values knows these alphabets by name: `printable` (the ASCII
/// letters, digits and punctuation characters; neither white space nor control characters),
/// `ascii_letters` and `digits`. A store may know more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recipe {
    /// The number of characters, from [`MIN_GENERATED_LENGTH`] to [`MAX_GENERATED_LENGTH`].
    pub length: Option<u32>,
    /// The name of the alphabet.
    pub alphabet: Option<String>,
}

impl Recipe {
    /// Makes a recipe that follows the settings of the store.
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
