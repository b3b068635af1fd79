//! The types of attributes that have names, and the form of their values.

use der::Tag;
use der::asn1::ObjectIdentifier;
use der::oid::db::{rfc3280, rfc4519};

/// The set of characters that a value may have. It determines the value's type in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Characters {
    /// Any text without control characters, as a `UTF8String`.
    Text,
    /// The letters, digits and signs of a `PrintableString`.
    Printable,
    /// Two letters, as a `PrintableString`.
    Country,
    /// Printable ASCII, as an `IA5String`.
    Ascii,
}

/// A type of attribute.
#[derive(Debug)]
pub(super) struct Type {
    /// The name in a text. The parser ignores its case.
    pub(super) name: &'static str,
    pub(super) id: ObjectIdentifier,
    pub(super) characters: Characters,
    /// The maximum number of characters.
    pub(super) most: usize,
}

impl Type {
    const fn new(name: &'static str, id: ObjectIdentifier, characters: Characters, most: usize) -> Self {
        Self { name, id, characters, most }
    }

    /// Finds a type by its name.
    pub(super) fn by_name(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }

    /// Finds a type by its identifier.
    pub(super) fn by_id(id: &ObjectIdentifier) -> Option<&'static Self> {
        ALL.iter().find(|known| known.id == *id)
    }

    /// Returns the tag of the values in DER.
    pub(super) const fn tag(&self) -> Tag {
        match self.characters {
            Characters::Text => Tag::Utf8String,
            Characters::Printable | Characters::Country => Tag::PrintableString,
            Characters::Ascii => Tag::Ia5String,
        }
    }

    /// Tells whether this type allows the characters of a value.
    pub(super) fn takes(&self, value: &str) -> bool {
        match self.characters {
            Characters::Text => !value.contains(char::is_control),
            Characters::Printable => value.bytes().all(is_printable),
            Characters::Country => value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_alphabetic()),
            Characters::Ascii => value.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        }
    }
}

fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

/// The nine types of RFC 4514, and five more that certificates use. The maximum lengths are from appendix A of RFC
/// 5280, or from X.520 for the types that RFC 5280 does not list. A `DC` is one label of a host name.
const ALL: [Type; 14] = [
    Type::new("CN", rfc4519::CN, Characters::Text, 64),
    Type::new("L", rfc4519::L, Characters::Text, 128),
    Type::new("ST", rfc4519::ST, Characters::Text, 128),
    Type::new("O", rfc4519::O, Characters::Text, 64),
    Type::new("OU", rfc4519::OU, Characters::Text, 64),
    Type::new("C", rfc4519::C, Characters::Country, 2),
    Type::new("STREET", rfc4519::STREET, Characters::Text, 128),
    Type::new("DC", rfc4519::DC, Characters::Ascii, 63),
    Type::new("UID", rfc4519::UID, Characters::Text, 256),
    Type::new("SN", rfc4519::SN, Characters::Text, 64),
    Type::new("GN", rfc4519::GIVEN_NAME, Characters::Text, 64),
    Type::new("title", rfc4519::TITLE, Characters::Text, 64),
    Type::new("serialNumber", rfc4519::SERIAL_NUMBER, Characters::Printable, 64),
    Type::new("emailAddress", rfc3280::EMAIL_ADDRESS, Characters::Ascii, 255),
];
