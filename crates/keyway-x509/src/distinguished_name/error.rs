//! The error for a text that is not a distinguished name.

/// The error for a text that is not a distinguished name of RFC 4514.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name is not acceptable at byte {at}: {fault}")]
#[non_exhaustive]
pub struct DistinguishedNameError {
    /// The byte of the text at which the fault was found, counted from 0.
    pub at: usize,
    /// The fault.
    pub fault: DistinguishedNameFault,
}

/// The fault of a text. The names of attributes in a fault are known names, or are escaped and shortened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DistinguishedNameFault {
    /// The text is empty.
    #[error("it is empty: give at least one attribute, such as CN=name")]
    Empty,
    /// The text is too long.
    #[error("it is longer than {most} bytes")]
    TooLong {
        /// The maximum length.
        most: usize,
    },
    /// The text has too many attributes.
    #[error("it has more than {most} attributes")]
    TooMany {
        /// The maximum number of attributes.
        most: usize,
    },
    /// An attribute has no equals sign.
    #[error("an attribute is written TYPE=value")]
    NoValue,
    /// The type is neither a known name nor an object identifier.
    #[error(
        "\"{name}\" is no known type: use CN, L, ST, O, OU, C, STREET, DC, UID, SN, GN, title, serialNumber, \
         emailAddress, or an object identifier"
    )]
    UnknownType {
        /// The type.
        name: String,
    },
    /// A value is empty.
    #[error("{name} has no value")]
    EmptyValue {
        /// The type.
        name: String,
    },
    /// A character must be escaped.
    #[error("'{}' must be escaped by a backslash", .character.escape_debug())]
    Unescaped {
        /// The character.
        character: char,
    },
    /// A value begins or ends with a blank that is not escaped.
    #[error("a blank at the beginning or the end of a value must be escaped by a backslash")]
    Blank,
    /// The text after a backslash is not an escape.
    #[error("after a backslash, write two hexadecimal digits or one of  \"#+,;<=>\\ and the blank")]
    Escape,
    /// The bytes of a value are not UTF-8.
    #[error("the value of {name} is not UTF-8")]
    NotUtf8 {
        /// The type.
        name: String,
    },
    /// A value has a character that its type does not allow.
    #[error("{name} does not allow these characters{}", if name == "C" { ": use two letters" } else { "" })]
    Characters {
        /// The type.
        name: String,
    },
    /// A value is too long.
    #[error("{name} has at most {most} characters")]
    Length {
        /// The type.
        name: String,
        /// The maximum number of characters.
        most: usize,
    },
    /// A value is not written as `#` and its DER in hexadecimal although its type requires this, or the digits are not
    /// the DER of a value of this type.
    #[error("write the value of {name} as # and its DER in hexadecimal")]
    Hexadecimal {
        /// The type.
        name: String,
    },
    /// A type occurs twice in one relative name.
    #[error("{name} occurs twice in one relative name: separate the two by a comma instead of a plus sign")]
    RepeatedType {
        /// The type.
        name: String,
    },
}
