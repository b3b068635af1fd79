//! The text of a name, by RFC 4514.

use std::fmt::{self, Write as _};

use der::asn1::Any;
use der::{Encode as _, Tag, Tagged as _};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::Name;

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

fn write_attribute(attribute: &AttributeTypeAndValue, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (Type::by_id(&attribute.oid), text(&attribute.value)) {
        (Some(known), Some(text)) => {
            write!(f, "{}=", known.name)?;
            write_escaped(text, f)
        }
        (known, _) => {
            match known {
                Some(known) => write!(f, "{}=#", known.name)?,
                None => write!(f, "{}=#", attribute.oid)?,
            }
            let der = attribute.value.to_der().map_err(|_| fmt::Error)?;
            der.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }
}

/// Returns the text of a value, if its type is one of those whose bytes are UTF-8.
pub(super) fn text(value: &Any) -> Option<&str> {
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
