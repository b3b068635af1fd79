//! The reference by which a plugin recognizes a credential (`state` on the wire).

use std::fmt;
use std::sync::Arc;

use crate::{CredentialPart, Rule, Violation};

/// The plugin's own name for a credential.
///
/// A plugin chooses the name when it makes the credential, and gets it back when the credential is to be revoked. A
/// host stores the name in the clear and compares it byte by byte, so it must not contain anything sensitive (WaTTS
/// seed, key `state`). A clone costs one reference count (decision W8).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialRef(Arc<str>);

impl CredentialRef {
    /// The minimum length of a credential value that is searched for in a reference.
    ///
    /// Shorter values such as `ssh` or `7` occur in many references by chance.
    pub const SHORTEST_SECRET_BYTES: usize = 8;

    /// Creates a reference from a text.
    pub fn new(state: impl Into<Arc<str>>) -> Self {
        Self(state.into())
    }

    /// Returns the reference as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks that the reference contains no value of a part of the credential.
    ///
    /// Values shorter than [`SHORTEST_SECRET_BYTES`](Self::SHORTEST_SECRET_BYTES) are not searched for. Hosts and the
    /// conformance kit call this function (decision W8).
    ///
    /// # Errors
    /// A violation of [`Rule::SecretInState`]. It names the part, and does not contain the value.
    pub fn check_keeps_no_secret(&self, credential: &[CredentialPart]) -> Result<(), Violation> {
        for (index, part) in credential.iter().enumerate() {
            let value = part.expose_value().trim();
            if value.len() >= Self::SHORTEST_SECRET_BYTES && self.0.contains(value) {
                return Err(Violation::new("state", Rule::SecretInState { part: index }));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for CredentialRef {
    /// Shows the length only: a reference that is not checked may contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialRef({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_holds_a_value_is_found() {
        let parts =
            [CredentialPart::text("user", "joe"), CredentialPart::textarea("password", "correct horse\n")];
        for state in ["correct horse", "id-7 correct horse", "correct horse\n"] {
            let violation = CredentialRef::new(state).check_keeps_no_secret(&parts).unwrap_err();
            assert_eq!(violation, Violation::new("state", Rule::SecretInState { part: 1 }));
            assert!(!violation.to_string().contains("horse"));
        }
        // Short values occur in many references by chance. A reference that occurs in a value is not a leak.
        for state in ["joe", "WATTS_joe_1", "horse", ""] {
            CredentialRef::new(state).check_keeps_no_secret(&parts).unwrap();
        }
        CredentialRef::new("any").check_keeps_no_secret(&[CredentialPart::text("empty", "   ")]).unwrap();
    }
}
