//! Alternative names of a subject.

use std::fmt;
use std::net::IpAddr;

use der::asn1::Ia5String;
use der::{Decode as _, Encode as _};
use keyway_core::json::shown_name;
use x509_cert::ext::pkix::name::GeneralName;

/// A name in the extension `subjectAltName`.
///
/// Host names and the domains of e-mail addresses are in lower case, so that equal names compare equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AlternativeName {
    /// A host name. Its first label may be `*`.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
    /// An e-mail address.
    Email(String),
    /// A URI.
    Uri(String),
    /// A name that is none of the above, such as a `directoryName`. Keyway compares such names, and never makes one.
    Other {
        /// The kind.
        kind: &'static str,
        /// The name in DER.
        der: Vec<u8>,
    },
}

/// The error for a text that is not an alternative name of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {kind} \"{}\" is not acceptable: {reason}", shown_name(name))]
pub struct InvalidName {
    /// The kind of the name.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The expected form.
    pub reason: &'static str,
}

impl AlternativeName {
    /// Reads a host name. It consists of labels of letters, digits, `-` and `_`. The first label may be `*`.
    ///
    /// # Errors
    /// [`InvalidName`] says which form is expected.
    pub fn dns(name: &str) -> Result<Self, InvalidName> {
        Self::Dns(name.to_ascii_lowercase()).checked()
    }

    /// Reads an e-mail address.
    ///
    /// # Errors
    /// [`InvalidName`] says which form is expected.
    pub fn email(address: &str) -> Result<Self, InvalidName> {
        Self::Email(with_plain_domain(address)).checked()
    }

    /// Reads a URI.
    ///
    /// # Errors
    /// [`InvalidName`] says which form is expected.
    pub fn uri(uri: &str) -> Result<Self, InvalidName> {
        Self::Uri(uri.to_owned()).checked()
    }

    /// Returns the name of the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Dns(_) => "DNS name",
            Self::Ip(_) => "IP address",
            Self::Email(_) => "e-mail address",
            Self::Uri(_) => "URI",
            Self::Other { kind, .. } => kind,
        }
    }

    /// Checks that a name from outside has the form of its kind.
    pub(crate) fn checked(self) -> Result<Self, InvalidName> {
        let (name, reason) = match &self {
            Self::Dns(name) => (name, dns_fault(name)),
            Self::Email(address) => (address, email_fault(address)),
            Self::Uri(uri) => (uri, uri_fault(uri)),
            Self::Ip(_) | Self::Other { .. } => return Ok(self),
        };
        match reason {
            None => Ok(self),
            Some(reason) => Err(InvalidName { kind: self.kind(), name: name.clone(), reason }),
        }
    }

    /// Reads a name from an extension without checking the form of the name.
    pub(crate) fn from_general(name: &GeneralName) -> Self {
        match name {
            GeneralName::DnsName(name) => Self::Dns(name.as_str().to_ascii_lowercase()),
            GeneralName::Rfc822Name(address) => Self::Email(with_plain_domain(address.as_str())),
            GeneralName::UniformResourceIdentifier(uri) => Self::Uri(uri.as_str().to_owned()),
            GeneralName::IpAddress(octets) => match octets.as_bytes() {
                bytes if let Ok(four) = <[u8; 4]>::try_from(bytes) => Self::Ip(four.into()),
                bytes if let Ok(sixteen) = <[u8; 16]>::try_from(bytes) => Self::Ip(sixteen.into()),
                _ => Self::other("IP address of a wrong length", name),
            },
            GeneralName::OtherName(_) => Self::other("otherName", name),
            GeneralName::DirectoryName(_) => Self::other("directoryName", name),
            GeneralName::EdiPartyName(_) => Self::other("ediPartyName", name),
            GeneralName::RegisteredId(_) => Self::other("registeredID", name),
        }
    }

    /// Converts the name to the form that an extension holds.
    pub(crate) fn to_general(&self) -> Result<GeneralName, InvalidName> {
        let name = self.clone().checked()?;
        let made = match &name {
            Self::Dns(name) => Ia5String::new(name).map(GeneralName::DnsName),
            Self::Email(address) => Ia5String::new(address).map(GeneralName::Rfc822Name),
            Self::Uri(uri) => Ia5String::new(uri).map(GeneralName::UniformResourceIdentifier),
            Self::Ip(address) => Ok(GeneralName::from(*address)),
            Self::Other { der, .. } => GeneralName::from_der(der),
        };
        made.map_err(|_| InvalidName {
            kind: name.kind(),
            name: String::new(),
            reason: "it cannot be written in DER",
        })
    }

    fn other(kind: &'static str, name: &GeneralName) -> Self {
        Self::Other { kind, der: name.to_der().unwrap_or_default() }
    }
}

impl fmt::Display for AlternativeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => {
                write!(f, "{} {}", self.kind(), shown_name(text))
            }
            Self::Ip(address) => write!(f, "{} {address}", self.kind()),
            Self::Other { kind, .. } => f.write_str(kind),
        }
    }
}

/// Writes the domain of an e-mail address in lower case.
fn with_plain_domain(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
        None => address.to_owned(),
    }
}

fn dns_fault(name: &str) -> Option<&'static str> {
    const LONGEST: usize = 253;
    const LONGEST_LABEL: usize = 63;
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let labels = name.strip_prefix("*.").unwrap_or(name);
    if name.len() > LONGEST || !labels.split('.').all(is_label) {
        return Some(
            "use labels of 1 to 63 letters, digits, '-' and '_', 253 characters in all; only the first may be '*'",
        );
    }
    let last = labels.rsplit('.').next().unwrap_or_default();
    last.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some("it looks like an IP address: use the kind for those")
}

fn email_fault(address: &str) -> Option<&'static str> {
    const EXPECTED: &str = "use local-part@domain in printable ASCII, without blanks, 254 characters in all";
    const LONGEST: usize = 254;
    let Some((local, domain)) = address.rsplit_once('@') else { return Some(EXPECTED) };
    let fits = address.len() <= LONGEST
        && !local.is_empty()
        && local.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@')
        && !domain.starts_with('*')
        && dns_fault(domain).is_none();
    (!fits).then_some(EXPECTED)
}

fn uri_fault(uri: &str) -> Option<&'static str> {
    const EXPECTED: &str = "use scheme:rest in printable ASCII, without blanks, 2000 characters in all";
    const LONGEST: usize = 2000;
    let Some((scheme, rest)) = uri.split_once(':') else { return Some(EXPECTED) };
    let fits = uri.len() <= LONGEST
        && scheme.starts_with(|char: char| char.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic());
    (!fits).then_some(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_compare_without_case() {
        assert_eq!(AlternativeName::dns("*.Example.COM"), AlternativeName::dns("*.example.com"));
        assert_eq!(AlternativeName::email("Ada@Example.com"), AlternativeName::email("Ada@example.COM"));
        assert_ne!(AlternativeName::email("Ada@example.com"), AlternativeName::email("ada@example.com"));
    }

    #[test]
    fn names_of_a_wrong_form_are_refused() {
        let long = format!("{}.example.com", "a".repeat(64));
        for name in
            ["", ".", "a..b", "a.", "-a.b", "a b", "a\n", "b\u{fc}cher.de", "*", "a.*.b", "192.0.2.1", &long]
        {
            assert!(AlternativeName::dns(name).is_err(), "{name:?}");
        }
        for address in ["", "@", "a@", "@b", "a b@c", "a@*.b", "a@@b", "Ada <a@b>"] {
            assert!(AlternativeName::email(address).is_err(), "{address:?}");
        }
        for uri in ["", ":", "1a:b", "no-scheme", "http:", "http://a b", "http://a\n"] {
            assert!(AlternativeName::uri(uri).is_err(), "{uri:?}");
        }
        for name in ["a", "a.b", "*.a.b", "_x.a", "xn--bcher-kva.de", "1.a"] {
            assert!(AlternativeName::dns(name).is_ok(), "{name:?}");
        }
        assert!(AlternativeName::uri("spiffe://example.com/a").is_ok());
    }

    #[test]
    fn a_message_shows_a_name_escaped() {
        let error = AlternativeName::dns("a\u{1b}[2J").unwrap_err();
        assert!(error.to_string().contains("\\u{1b}"), "{error}");
    }
}
