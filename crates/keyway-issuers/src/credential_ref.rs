//! The state: by what a plugin knows a credential again.

use std::fmt;
use std::sync::Arc;

use crate::{CredentialPart, Rule, Violation};

/// What a plugin calls a credential, chosen by itself when it makes one and given back to
/// it when the credential is to be revoked. A host stores it in the clear, and compares it
/// byte by byte, so it must not contain anything sensitive (WaTTS seed, key `state`;
/// decision W8). A clone costs one reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialRef(Arc<str>);

impl CredentialRef {
    /// Credential values shorter than this are not looked for in a state: `ssh` or `7` is
    /// in many by chance.
    pub const SHORTEST_SECRET_BYTES: usize = 8;

    /// A state.
    pub fn new(state: impl Into<Arc<str>>) -> Self {
        Self(state.into())
    }

    /// The state as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks that the value of no part occurs in the state (decision W8). Values shorter
    /// than [`SHORTEST_SECRET_BYTES`](Self::SHORTEST_SECRET_BYTES) are not looked for.
    /// Hosts and the conformance kit ask this.
    ///
    /// # Errors
    /// A violation of [`Rule::SecretInState`] that names the part and holds no value.
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
    /// Shows the length only: until it is checked, a state may hold what it must not.
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
        // What is short is in many states by chance, and the other way round is no leak.
        for state in ["joe", "WATTS_joe_1", "horse", ""] {
            CredentialRef::new(state).check_keeps_no_secret(&parts).unwrap();
        }
        CredentialRef::new("any").check_keeps_no_secret(&[CredentialPart::text("empty", "   ")]).unwrap();
    }
}
