//! Distinguished names by RFC 4514, with the types that decision B12 lists.

use serde_json::{Value, json};

/// The attribute types, each with the maximum length of a value in characters, and with the characters that a value may
/// have.
const TYPES: [(&str, usize, Characters); 14] = [
    ("cn", 64, Characters::Text),
    ("l", 128, Characters::Text),
    ("st", 128, Characters::Text),
    ("o", 64, Characters::Text),
    ("ou", 64, Characters::Text),
    ("c", 2, Characters::Letters),
    ("street", 128, Characters::Text),
    ("dc", 63, Characters::Ascii),
    ("uid", 256, Characters::Text),
    ("sn", 64, Characters::Text),
    ("gn", 64, Characters::Text),
    ("title", 64, Characters::Text),
    ("serialnumber", 64, Characters::Printable),
    ("emailaddress", 255, Characters::Ascii),
];

#[derive(Clone, Copy)]
enum Characters {
    Text,
    Letters,
    Ascii,
    Printable,
}

/// Tells whether an order may have this text as its subject. Returns `None` if a value is written in hexadecimal digits
/// (`#...`), because there is no ruling on such a value.
pub fn verdict(text: &str) -> Option<bool> {
    if text.len() > 8192 || text.trim_ascii().is_empty() {
        return Some(false);
    }
    let relative_names = split(text, ',');
    let attributes = relative_names.iter().flat_map(|name| split(name, '+'));
    if attributes.count() > 64 {
        return Some(false);
    }
    let mut all = true;
    for relative_name in relative_names {
        let mut seen = Vec::new();
        for attribute in split(relative_name, '+') {
            let Some((name, value)) = attribute.trim_start_matches(' ').split_once('=') else {
                return Some(false);
            };
            if value.starts_with('#') {
                return None;
            }
            let name = name.to_ascii_lowercase();
            all &= !seen.contains(&name) && fits(&name, value);
            seen.push(name);
        }
    }
    Some(all)
}

/// Returns the attributes of a name in the order in which it is encoded: a list of relative names, each a list of
/// pairs of type and value.
pub fn encoded(text: &str) -> Value {
    let attribute = |attribute: &str| {
        let (name, value) = attribute.trim_start_matches(' ').split_once('=').unwrap_or((attribute, ""));
        json!([name.to_ascii_lowercase(), unescaped(value)])
    };
    let relative_name = |text: &str| {
        let mut attributes: Vec<Value> = split(text, '+').into_iter().map(attribute).collect();
        // The order of attributes within one relative name has no meaning.
        attributes.sort_by_key(Value::to_string);
        Value::from(attributes)
    };
    split(text, ',').into_iter().rev().map(relative_name).collect()
}

/// Splits a text at the separators that are not escaped.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut begin, mut is_escaped) = (Vec::new(), 0, false);
    for (at, character) in text.char_indices() {
        if character == separator && !is_escaped {
            parts.push(&text[begin..at]);
            begin = at + 1;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    parts.push(&text[begin..]);
    parts
}

fn fits(name: &str, value: &str) -> bool {
    let Some((_, most, characters)) = TYPES.iter().find(|(known, ..)| *known == name) else { return false };
    let Some(value) = unescaped(value) else { return false };
    let is_in = |character: char| match characters {
        Characters::Text => !character.is_control(),
        Characters::Letters => character.is_ascii_alphabetic(),
        Characters::Ascii => (' '..='~').contains(&character),
        Characters::Printable => character.is_ascii_alphanumeric() || " '()+,-./:=?".contains(character),
    };
    let length = value.chars().count();
    let least = if matches!(characters, Characters::Letters) { 2 } else { 1 };
    (least..=*most).contains(&length) && value.chars().all(is_in)
}

fn unescaped(value: &str) -> Option<String> {
    if value.starts_with(' ') {
        return None;
    }
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' | b';' | b'<' | b'>' | 0 => return None,
            b' ' if rest.is_empty() => return None,
            b'\\' => {
                let (first, after) = rest.split_first()?;
                if b" \"#+,;<=>\\".contains(first) {
                    bytes.push(*first);
                    rest = after;
                } else {
                    let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                        return None;
                    }
                    bytes.push(u8::from_str_radix(digits, 16).ok()?);
                    rest = &rest[2..];
                }
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}
