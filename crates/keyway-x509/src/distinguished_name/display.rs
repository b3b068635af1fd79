//! The text of a name, in the form of RFC 4514.

use std::fmt::{self, Write as _};

use der::asn1::Any;
use der::{Encode as _, Tag, Tagged as _};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RelativeDistinguishedName};

use super::attribute::Type;

pub(super) fn write(name: &Name, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let relative_names: Vec<_> = name.iter_rdn().collect();
    for (index, relative_name) in relative_names.iter().rev().enumerate() {
        if index > 0 {
            f.write_char(',')?;
        }
        for (index, attribute) in relative_name.iter().enumerate() {
            if index > 0 {
                f.write_char('+')?;
            }
            write_attribute(attribute, f)?;
        }
    }
    Ok(())
}

/// Returns the values of all attributes that have the type `type_name`, without escapes. A value that is not a text is
/// written as `#` and its DER in hexadecimal.
pub(super) fn values(name: &Name, type_name: &str) -> Vec<String> {
    let is_it = |attribute: &&AttributeTypeAndValue| {
        Type::by_id(&attribute.oid).is_some_and(|known| known.name == type_name)
    };
    let value = |attribute: &AttributeTypeAndValue| {
        text(&attribute.value).map_or_else(|| hexadecimal(&attribute.value), str::to_owned)
    };
    name.iter_rdn().flat_map(RelativeDistinguishedName::iter).filter(is_it).map(value).collect()
}

fn write_attribute(attribute: &AttributeTypeAndValue, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (Type::by_id(&attribute.oid), text(&attribute.value)) {
        (Some(known), Some(text)) => {
            write!(f, "{}=", known.name)?;
            write_escaped(text, f)
        }
        (known, _) => {
            match known {
                Some(known) => write!(f, "{}=", known.name)?,
                None => write!(f, "{}=", attribute.oid)?,
            }
            f.write_str(&hexadecimal(&attribute.value))
        }
    }
}

fn hexadecimal(value: &Any) -> String {
    // The value was read from DER, so it can be written.
    let der = value.to_der().unwrap_or_default();
    der.iter().fold("#".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Returns the text of a value. Returns `None` if the type of the value in DER is not one that holds UTF-8, or if the
/// bytes are not UTF-8.
fn text(value: &Any) -> Option<&str> {
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => std::str::from_utf8(value.value()).ok(),
        _ => None,
    }
}

fn write_escaped(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let last = text.chars().count().saturating_sub(1);
    for (index, char) in text.chars().enumerate() {
        let at_an_end = index == 0 || index == last;
        match char {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{char}")?,
            '#' if index == 0 => f.write_str("\\#")?,
            ' ' if at_an_end => f.write_str("\\ ")?,
            _ if char.is_control() => {
                let mut buffer = [0; 4];
                for byte in char.encode_utf8(&mut buffer).bytes() {
                    write!(f, "\\{byte:02x}")?;
                }
            }
            _ => f.write_char(char)?,
        }
    }
    Ok(())
}
