//! The parser for names in the form of RFC 4514.
//!
//! See decision B12.

use der::asn1::{Any, ObjectIdentifier, SetOfVec};
use der::{Decode as _, Encode as _, Tagged as _};
use keyway_core::json::shown_name;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use super::attribute::Type;
use super::{DistinguishedName, DistinguishedNameError, DistinguishedNameFault as Fault};

/// The maximum number of attributes of a name.
const MOST_ATTRIBUTES: usize = 64;

/// Parses a text. The text begins with the last relative name.
pub(super) fn parse(text: &str) -> Result<Name, DistinguishedNameError> {
    let most = DistinguishedName::MAX_BYTES;
    if text.len() > most {
        return Err(DistinguishedNameError { at: most, fault: Fault::TooLong { most } });
    }
    if text.trim_ascii().is_empty() {
        return Err(DistinguishedNameError { at: 0, fault: Fault::Empty });
    }
    let mut parser = Parser { text, at: 0, attributes: 0 };
    let mut relative_names = vec![parser.relative_name()?];
    while parser.take(b',') {
        relative_names.push(parser.relative_name()?);
    }
    relative_names.reverse();
    let der = RdnSequence::from(relative_names).to_der();
    // `x509-cert` makes a name only from DER, so the DER that was just written is read back.
    der.and_then(|der| Name::from_der(&der))
        .map_err(|_| DistinguishedNameError { at: 0, fault: Fault::TooLong { most } })
}

/// A text, and the place that the parser has reached.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    attributes: usize,
}

impl Parser<'_> {
    fn fault<T>(&self, at: usize, fault: Fault) -> Result<T, DistinguishedNameError> {
        debug_assert!(at <= self.text.len(), "a place in the text");
        Err(DistinguishedNameError { at, fault })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Tells whether the next byte is `byte`. If so, skips it.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes bytes while `of_kind` accepts them. `of_kind` must accept only ASCII.
    fn take_while(&mut self, of_kind: impl Fn(u8) -> bool) -> &str {
        let begin = self.at;
        while self.peek().is_some_and(&of_kind) {
            self.at += 1;
        }
        &self.text[begin..self.at]
    }

    /// Parses `attribute *( "+" attribute )`, up to a comma or the end.
    fn relative_name(&mut self) -> Result<RelativeDistinguishedName, DistinguishedNameError> {
        let mut attributes = Vec::with_capacity(1);
        loop {
            let (begin, name, attribute) = self.attribute()?;
            if attributes.iter().any(|other: &AttributeTypeAndValue| other.oid == attribute.oid) {
                return self.fault(begin, Fault::RepeatedType { name });
            }
            attributes.push(attribute);
            if !self.take(b'+') {
                break;
            }
        }
        // The set would refuse only duplicates. There are none, because the types differ.
        let set = SetOfVec::try_from(attributes).unwrap_or_default();
        Ok(RelativeDistinguishedName::from(set))
    }

    /// Parses `type "=" value`. Returns the place where the attribute begins, the name of the type, and the attribute.
    fn attribute(&mut self) -> Result<(usize, String, AttributeTypeAndValue), DistinguishedNameError> {
        self.attributes += 1;
        if self.attributes > MOST_ATTRIBUTES {
            return self.fault(self.at, Fault::TooMany { most: MOST_ATTRIBUTES });
        }
        self.take_while(|byte| byte == b' ');
        let begin = self.at;
        let name =
            self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')).to_owned();
        let known = Type::by_name(&name);
        let id = known.map(|known| known.id).or_else(|| ObjectIdentifier::new(&name).ok());
        if !self.take(b'=') {
            return self.fault(self.at, Fault::NoValue);
        }
        let Some(oid) = id else {
            return self.fault(begin, Fault::UnknownType { name: shown_name(&name).into_owned() });
        };
        let known = known.or_else(|| Type::by_id(&oid));
        let name = known.map_or(name, |known| known.name.to_owned());
        let value = match (self.peek(), known) {
            (Some(b'#'), _) => self.hexadecimal(&name, known)?,
            (_, Some(known)) => self.string(known)?,
            (_, None) => return self.fault(self.at, Fault::Hexadecimal { name }),
        };
        Ok((begin, name, AttributeTypeAndValue { oid, value }))
    }

    /// Parses `"#" 1*hexpair`, the DER of a value.
    fn hexadecimal(&mut self, name: &str, known: Option<&Type>) -> Result<Any, DistinguishedNameError> {
        let begin = self.at;
        self.take(b'#');
        let digits = self.take_while(|byte| byte.is_ascii_hexdigit());
        let der = bytes_of_pairs(digits);
        let ends = matches!(self.peek(), None | Some(b',' | b'+'));
        let value = der.filter(|_| ends).and_then(|der| Any::from_der(&der).ok());
        let Some(value) = value else {
            return self.fault(begin, Fault::Hexadecimal { name: name.to_owned() });
        };
        if let Some(known) = known {
            if value.tag() != known.tag() {
                return self.fault(begin, Fault::Hexadecimal { name: name.to_owned() });
            }
            let Ok(text) = std::str::from_utf8(value.value()) else {
                return self.fault(begin, Fault::NotUtf8 { name: name.to_owned() });
            };
            self.check(begin, known, text)?;
        }
        Ok(value)
    }

    /// Parses a value as text, up to an unescaped `,` or `+` or the end.
    fn string(&mut self, known: &Type) -> Result<Any, DistinguishedNameError> {
        let begin = self.at;
        let name = || known.name.to_owned();
        let mut bytes = Vec::new();
        let mut ends_in_blank = false;
        while let Some(byte) = self.peek() {
            let here = self.at;
            match byte {
                b',' | b'+' => break,
                b'\\' => {
                    bytes.push(self.escaped()?);
                    ends_in_blank = false;
                    continue;
                }
                b'"' | b';' | b'<' | b'>' => {
                    return self.fault(here, Fault::Unescaped { character: char::from(byte) });
                }
                b' ' if here == begin => return self.fault(here, Fault::Blank),
                _ => {}
            }
            ends_in_blank = byte == b' ';
            bytes.push(byte);
            self.at += 1;
        }
        if ends_in_blank {
            return self.fault(self.at - 1, Fault::Blank);
        }
        let Ok(text) = String::from_utf8(bytes) else {
            return self.fault(begin, Fault::NotUtf8 { name: name() });
        };
        self.check(begin, known, &text)?;
        // This cannot fail: the characters were checked, and the length is far below the limit of DER.
        Any::new(known.tag(), text.into_bytes())
            .or_else(|_| self.fault(begin, Fault::Characters { name: name() }))
    }

    /// Parses a backslash and the escape after it. Both are ASCII, so no character is cut in two.
    fn escaped(&mut self) -> Result<u8, DistinguishedNameError> {
        let begin = self.at;
        self.take(b'\\');
        let after = &self.text.as_bytes()[self.at..];
        let (byte, length) = match after {
            [special @ (b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\'), ..] => {
                (*special, 1)
            }
            [high, low, ..] => {
                match bytes_of_pairs(&[*high, *low].map(char::from).iter().collect::<String>()) {
                    Some(pair) => (pair[0], 2),
                    None => return self.fault(begin, Fault::Escape),
                }
            }
            _ => return self.fault(begin, Fault::Escape),
        };
        self.at += length;
        Ok(byte)
    }

    /// Checks that a value fits its type.
    fn check(&self, at: usize, known: &Type, value: &str) -> Result<(), DistinguishedNameError> {
        let name = || known.name.to_owned();
        if value.is_empty() {
            return self.fault(at, Fault::EmptyValue { name: name() });
        }
        if value.chars().count() > known.most {
            return self.fault(at, Fault::Length { name: name(), most: known.most });
        }
        if !known.takes(value) {
            return self.fault(at, Fault::Characters { name: name() });
        }
        Ok(())
    }
}

/// Reads one or more pairs of hexadecimal digits. Returns `None` if the text is empty, or has anything but such pairs.
fn bytes_of_pairs(digits: &str) -> Option<Vec<u8>> {
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
