//! Distinguished names, and their texts in the form of RFC 4514.

mod attribute;
mod display;
mod error;
mod parse;

pub use error::{DistinguishedNameError, DistinguishedNameFault};

use std::fmt;
use std::str::FromStr;

use der::Encode;
use x509_cert::name::Name;

/// The name of a subject or an issuer: a sequence of relative names, each of one or more attributes.
///
/// Its text has the form of RFC 4514, which begins with the last relative name:
///
/// ```
/// use keyway_x509::DistinguishedName;
///
/// let name: DistinguishedName = "CN=Ada+SN=Lovelace, OU=Dev, OU=Eu, O=Example\\, Inc., C=US".parse()?;
/// assert_eq!(name.to_string(), "CN=Ada+SN=Lovelace,OU=Dev,OU=Eu,O=Example\\, Inc.,C=US");
///
/// let refused = "CN=".parse::<DistinguishedName>().unwrap_err();
/// assert_eq!(refused.to_string(), "the name is not acceptable at byte 3: CN has no value");
/// # Ok::<(), keyway_x509::DistinguishedNameError>(())
/// ```
///
/// # Parsing
/// Every attribute is kept, and so is the order of the relative names. If a relative name has several attributes, DER
/// sorts them, and each type occurs at most once (decision B12).
///
/// * Types are `CN`, `L`, `ST`, `O`, `OU`, `C`, `STREET`, `DC`, `UID`, `SN`, `GN`, `title`, `serialNumber`,
///   `emailAddress` (in upper, lower or mixed case), or an object identifier. If the object identifier is not that of a
///   listed type, the value must be written as `#` and the DER of the value in hexadecimal digits.
/// * Blanks before a type are skipped. Within a value, blanks at its ends must be escaped, and so must `"`, `+`, `,`,
///   `;`, `<`, `>` and `\`.
/// * Values must fit the type: its characters, and its length in RFC 5280.
/// * The text has at most [`MAX_BYTES`](Self::MAX_BYTES), and 64 attributes. An empty text is refused: use
///   [`empty`](Self::empty).
#[derive(Clone, PartialEq, Eq)]
pub struct DistinguishedName(Name);

impl DistinguishedName {
    /// The maximum length of a text in bytes.
    pub const MAX_BYTES: usize = 8 << 10;

    /// Returns the name without attributes.
    pub fn empty() -> Self {
        Self(Name::default())
    }

    /// Tells whether the name has no attributes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns all common names, in the order of the name, for a policy. A value with a string type that this crate
    /// does not read is written as `#` and its DER in hexadecimal digits, so a policy never mistakes it for another
    /// name.
    ///
    /// ```
    /// # use keyway_x509::DistinguishedName;
    /// let name: DistinguishedName = "CN=www.example.org,O=Example".parse()?;
    /// assert_eq!(name.common_names(), ["www.example.org"]);
    /// # Ok::<(), keyway_x509::DistinguishedNameError>(())
    /// ```
    pub fn common_names(&self) -> Vec<String> {
        display::values(&self.0, "CN")
    }

    /// Returns all e-mail addresses, as [`common_names`](Self::common_names) returns the common names. Old programs
    /// trust an address in the subject as they trust an alternative name.
    pub fn email_addresses(&self) -> Vec<String> {
        display::values(&self.0, "emailAddress")
    }

    /// Returns the name in DER.
    pub fn to_der(&self) -> Vec<u8> {
        // This cannot fail: the parts of a name are in DER already, and far below the maximum length.
        self.0.to_der().unwrap_or_default()
    }

    pub(crate) const fn as_name(&self) -> &Name {
        &self.0
    }
}

impl FromStr for DistinguishedName {
    type Err = DistinguishedNameError;

    fn from_str(text: &str) -> Result<Self, DistinguishedNameError> {
        parse::parse(text).map(Self)
    }
}

impl From<Name> for DistinguishedName {
    fn from(name: Name) -> Self {
        Self(name)
    }
}

/// Writes the name in the form of RFC 4514. Control characters are escaped, so that the name fits into one line of a
/// log.
impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display::write(&self.0, f)
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DistinguishedName({self})")
    }
}

#[cfg(test)]
mod tests;
