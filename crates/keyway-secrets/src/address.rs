//! Checks names: of stores, of secrets, of environments.
//!
//! See decision C9.

use std::fmt;

/// The reason why a name was refused. The name itself is left out, because it may be hostile or long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name has no characters.
    #[error("the {what} is empty: give it at least one character")]
    Empty {
        /// The kind of name.
        what: &'static str,
    },
    /// The name is too long.
    #[error("the {what} has {bytes} bytes: at most {limit} are allowed")]
    TooLong {
        /// The kind of name.
        what: &'static str,
        /// The length of the name in bytes.
        bytes: usize,
        /// The maximum allowed length, in bytes.
        limit: usize,
    },
    /// The name has a character that is not allowed at its position.
    #[error("the {what} has a character at byte {at} that is not allowed: {expected}")]
    Character {
        /// The kind of name.
        what: &'static str,
        /// The byte position of the character.
        at: usize,
        /// A description of the allowed characters.
        expected: &'static str,
    },
}

/// The name of a store: 1 to 128 characters of `A-Z a-z 0-9 . _ -`, not starting with a dot.
///
/// It is an identifier and never a path, so no name can reach the host's own files.
///
/// ```
/// use keyway_secrets::StoreName;
///
/// assert!(StoreName::new("production.eu-1").is_ok());
/// for refused in ["", ".hidden", "a/b", "../root.key", "a b"] {
///     assert!(StoreName::new(refused).is_err());
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreName(String);

impl StoreName {
    /// The maximum length of a name, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong and where.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        const WHAT: &str = "store name";
        let name = name.into();
        check_length(WHAT, &name, Self::MAX_BYTES)?;
        let expected = "use letters, digits, '.', '_' and '-', and no dot at the beginning";
        let bad = name.char_indices().find(|&(at, character)| {
            !(character.is_ascii_alphanumeric() || "._-".contains(character)) || (at == 0 && character == '.')
        });
        match bad {
            Some((at, _)) => Err(NameError::Character { what: WHAT, at, expected }),
            None => Ok(Self(name)),
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a secret: any text of 1 to 1,024 bytes without control characters.
///
/// Files of other systems may hold names that break this rule. Use [`SecretName::of_existing`] to read or destroy such
/// a secret; its name is not [creatable](Self::is_creatable), so stores refuse to create it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(String);

impl SecretName {
    /// The maximum length of a name, in bytes.
    pub const MAX_BYTES: usize = 1024;
    const WHAT: &str = "secret name";

    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong and where.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check_free_text(Self::WHAT, &name, Self::MAX_BYTES)?;
        Ok(Self(name))
    }

    /// Accepts any name, for a secret that another system wrote.
    pub fn of_existing(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Tells whether a secret with this name may be created.
    pub fn is_creatable(&self) -> bool {
        self.check_creatable().is_ok()
    }

    /// Checks like [`is_creatable`](Self::is_creatable), and returns the reason why the name is not creatable.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong and where.
    pub fn check_creatable(&self) -> Result<(), NameError> {
        check_free_text(Self::WHAT, &self.0, Self::MAX_BYTES)
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name from another system may hold control characters, which a terminal would interpret.
        write!(f, "{}", self.0.escape_debug())
    }
}

/// The name of an environment: any text of 1 to 1,024 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName(String);

impl EnvironmentName {
    /// The maximum length of a name, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong and where.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check_free_text("environment name", &name, Self::MAX_BYTES)?;
        Ok(Self(name))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address of a secret: its name and, optionally, its environment (Locker seed, "Get a secret value"). The same
/// name may exist once without an environment and once in each environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretAddress {
    /// The environment; `None` means that the secret belongs to no environment.
    pub environment: Option<EnvironmentName>,
    /// The name.
    pub name: SecretName,
}

impl SecretAddress {
    /// Addresses the secret `name` that belongs to no environment.
    pub fn shared(name: SecretName) -> Self {
        Self { environment: None, name }
    }

    /// Addresses the secret `name` of `environment`.
    pub fn in_environment(name: SecretName, environment: EnvironmentName) -> Self {
        Self { environment: Some(environment), name }
    }
}

impl fmt::Display for SecretAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.environment {
            None => write!(f, "\"{}\"", self.name),
            Some(environment) => write!(f, "\"{}\" of environment \"{environment}\"", self.name),
        }
    }
}

fn check_length(what: &'static str, name: &str, limit: usize) -> Result<(), NameError> {
    match name.len() {
        0 => Err(NameError::Empty { what }),
        bytes if bytes > limit => Err(NameError::TooLong { what, bytes, limit }),
        _ => Ok(()),
    }
}

fn check_free_text(what: &'static str, name: &str, limit: usize) -> Result<(), NameError> {
    check_length(what, name, limit)?;
    match name.char_indices().find(|(_, character)| character.is_control()) {
        Some((at, _)) => Err(NameError::Character { what, at, expected: "no control characters" }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_names_are_identifiers() {
        for accepted in ["a", "A-1_b.c", "a..b", &"x".repeat(128)] {
            assert!(StoreName::new(accepted).is_ok(), "{accepted}");
        }
        let position = |name: &str| match StoreName::new(name) {
            Err(NameError::Character { at, .. }) => at,
            other => panic!("{name:?}: {other:?}"),
        };
        assert_eq!(position(".a"), 0);
        assert_eq!(position("a/b"), 1);
        assert_eq!(position("ab\0"), 2);
        assert_eq!(position("aé"), 1);
        assert!(matches!(StoreName::new(""), Err(NameError::Empty { .. })));
        assert!(matches!(StoreName::new("x".repeat(129)), Err(NameError::TooLong { bytes: 129, .. })));
    }

    #[test]
    fn secret_names_are_any_text_without_control_characters() {
        for accepted in [" ", "a/b", "päss wörd", "..", &"x".repeat(1024)] {
            assert!(SecretName::new(accepted).is_ok(), "{accepted:?}");
        }
        for refused in ["", "a\nb", "\u{85}", "\0", &"x".repeat(1025)] {
            assert!(SecretName::new(refused).is_err(), "{refused:?}");
            let existing = SecretName::of_existing(refused);
            assert_eq!(existing.as_str(), refused);
            assert!(!existing.is_creatable());
        }
    }

    #[test]
    fn a_shown_address_holds_no_control_character() {
        let address = SecretAddress::shared(SecretName::of_existing("a\u{1b}[31m\n"));
        assert!(!address.to_string().chars().any(char::is_control));
    }
}
