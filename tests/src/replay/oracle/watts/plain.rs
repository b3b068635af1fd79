//! JSON as it is written: with duplicate names, and integers of any size. `serde_json` decides
//! whether a text is JSON.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::replay::oracle::json_text;

/// The deepest nesting that a reader of this project accepts.
const DEEPEST: usize = 64;

/// A JSON value, with all names of an object in the order of the text.
#[derive(Clone, Debug, PartialEq)]
pub enum Plain {
    /// `null`.
    Null,
    /// `true` or `false`.
    Truth(bool),
    /// An integer, by its digits.
    Integer(String),
    /// A number with fraction or exponent.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Plain>),
    /// An object.
    Object(Vec<(String, Plain)>),
}

impl Plain {
    /// Parses the first value of a text. Returns the value and the text after it, or `None` if there is no value.
    pub fn first_of(text: &str) -> Option<(Self, &str)> {
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Self>();
        stream.next()?.ok()?;
        let (value, rest) = text.split_at(stream.byte_offset());
        // The second parse keeps the integers that are too long for `serde_json`.
        Some((serde_json::from_str(&json_text::with_all_integers(value)).ok()?, rest))
    }

    /// Returns the first value under a name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(entries) => entries.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Returns the text, if the value is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Converts the value to a truth value as the real host does. Returns `None` if the real host does not accept the
    /// value as one.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Self::Truth(truth) => Some(*truth),
            Self::Text(text) if text == "true" || text == "True" => Some(true),
            Self::Text(text) if text == "false" || text == "False" => Some(false),
            Self::Integer(digits) if digits == "1" => Some(true),
            Self::Integer(digits) if digits == "0" => Some(false),
            _ => None,
        }
    }

    fn children(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match self {
            Self::List(items) => Box::new(items.iter()),
            Self::Object(entries) => Box::new(entries.iter().map(|(_, value)| value)),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// Tells whether some object has a name twice.
    pub fn has_duplicates(&self) -> bool {
        let here = match self {
            Self::Object(entries) => {
                let mut names: Vec<_> = entries.iter().map(|(name, _)| name).collect();
                names.sort_unstable();
                names.windows(2).any(|pair| pair[0] == pair[1])
            }
            _ => false,
        };
        here || self.children().any(Self::has_duplicates)
    }

    /// Tells whether the first value of a text is nested too deeply for a reader.
    ///
    /// This function counts brackets, because `serde_json` has a limit of its own.
    pub fn is_too_deep(text: &str) -> bool {
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        for byte in text.bytes() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'[' | b'{' if !quoted => depth += 1,
                b']' | b'}' if !quoted && depth > 1 => depth -= 1,
                b']' | b'}' if !quoted => return false,
                _ => {}
            }
            if depth > DEEPEST {
                return true;
            }
        }
        false
    }

    /// Tells whether the value contains an object.
    pub fn holds_object(&self) -> bool {
        matches!(self, Self::Object(_)) || self.children().any(Self::holds_object)
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Plain, E> {
        Ok(Plain::Truth(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Plain, E> {
        Ok(Plain::Integer(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Plain, E> {
        Ok(Plain::Integer(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Plain, E> {
        Ok(Plain::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
        Ok(Plain::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Plain, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Plain::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Plain, A::Error> {
        let mut entries: Vec<(String, Plain)> = Vec::new();
        while let Some(entry) = object.next_entry()? {
            entries.push(entry);
        }
        Ok(match &entries[..] {
            [(name, Plain::Text(digits))] if name == "$integer" => Plain::Integer(digits.clone()),
            _ => Plain::Object(entries),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_that_of_the_first_value() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!Plain::is_too_deep(&deep(64)) && Plain::is_too_deep(&deep(65)));
        assert!(Plain::is_too_deep(&deep(500)));
        assert!(!Plain::is_too_deep(&format!("{{}} {}", deep(65))));
        assert!(!Plain::is_too_deep(&format!(r#"{{"a": "\"{}"}}"#, "[".repeat(65))));
    }

    #[test]
    fn everything_of_a_text_is_kept() {
        let text = r#" {"a": [1, 1.5, 99999999999999999999], "a": null, "b": true} tail"#;
        let (value, rest) = Plain::first_of(text).unwrap();
        assert_eq!(rest, " tail");
        assert!(value.has_duplicates() && !Plain::is_too_deep(text));
        let items = vec![
            Plain::Integer("1".to_owned()),
            Plain::Float(1.5),
            Plain::Integer("99999999999999999999".to_owned()),
        ];
        assert_eq!(value.get("a"), Some(&Plain::List(items)));
        for text in ["", "no json", "{", "{'a': 1}", "\u{feff}{}", r#""\ud800""#, "[1,]", "[012]", "[NaN]"] {
            assert_eq!(Plain::first_of(text), None, "{text}");
        }
    }
}
