//! The name of a service.

use std::fmt;
use std::sync::Arc;

/// The name of a service for which an issuer makes credentials: 1 to 128 characters of `A-Z a-z 0-9 . _ -`, not
/// beginning with a dot.
///
/// It is an identifier, never a path (decision C9). A clone costs one reference count.
///
/// ```
/// use keyway_issuers::ServiceName;
///
/// assert!(ServiceName::new("login.cluster-1").is_ok());
/// for refused in ["", ".hidden", "a/b", "a b"] {
///     assert!(ServiceName::new(refused).is_err());
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(Arc<str>);

/// The error for a text that is not the name of a service. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not the name of a service: use 1 to {} letters, digits, '.', '_' and '-', \
     and no dot at the beginning",
    ServiceName::MAX_BYTES
)]
pub struct InvalidServiceName;

impl ServiceName {
    /// The maximum length of a name, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidServiceName`] lists the allowed characters.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, InvalidServiceName> {
        let name = name.into();
        let fits = (1..=Self::MAX_BYTES).contains(&name.len()) && keyway_core::is_identifier(&name);
        if fits { Ok(Self(name)) } else { Err(InvalidServiceName) }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes it possible to look a service up in a map by a plain text.
impl std::borrow::Borrow<str> for ServiceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
