//! Distinguished names.

use std::fmt;

use der::Encode;
use x509_cert::name::Name;

/// The name of a subject or an issuer. `Display` writes it by RFC 4514.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName(Name);

impl DistinguishedName {
    /// Returns the name in DER.
    pub fn to_der(&self) -> Vec<u8> {
        self.0.to_der().unwrap_or_default()
    }
}

impl From<Name> for DistinguishedName {
    fn from(name: Name) -> Self {
        Self(name)
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
