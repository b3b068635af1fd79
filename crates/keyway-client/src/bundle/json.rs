//! JSON: an object of texts, or a list of secrets.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use zeroize::Zeroizing;

use super::{Bundle, BundleError};

pub(super) fn write(bundle: &Bundle) -> SecretString {
    // Each byte of a text becomes at most six (`\u0000`): room for all at once, because
    // growing would leave copies of secrets behind.
    let size =
        bundle.iter().map(|(key, value)| 6 * (key.len() + value.expose_secret().len()) + 12).sum::<usize>();
    let mut text = Zeroizing::new(String::with_capacity(size + 6));
    text.push_str("{\n");
    for (index, (key, value)) in bundle.iter().enumerate() {
        text.push_str(if index == 0 { "  " } else { ",\n  " });
        push_text(&mut text, key);
        text.push_str(": ");
        push_text(&mut text, value.expose_secret());
    }
    text.push_str("\n}\n");
    text.as_str().into()
}

fn push_text(into: &mut String, text: &str) {
    into.push('"');
    for character in text.chars() {
        match character {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            control if u32::from(control) < 0x20 || control == '\u{7f}' => {
                // Such characters are ASCII: two digits tell them.
                let digit = |of: u32| char::from_digit(of, 16).unwrap_or('0');
                into.push_str("\\u00");
                into.extend([digit(u32::from(control) >> 4), digit(u32::from(control) & 15)]);
            }
            other => into.push(other),
        }
    }
    into.push('"');
}

pub(super) fn read(text: &str) -> Result<Bundle, BundleError> {
    let entries: Entries = serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => BundleError::Shape("the file has another shape"),
        _ => BundleError::NotJson { line: error.line(), column: error.column() },
    })?;
    let mut bundle = Bundle::new();
    for Entry { key, value } in entries.0 {
        let Some(key) = key else { return Err(BundleError::Shape("an entry has no key")) };
        match value {
            Some(Text::Secret(value)) => bundle.push(&key, value)?,
            Some(Text::Other) | None => {
                return Err(BundleError::NotTextInJson { key: key.escape_debug().to_string() });
            }
        }
    }
    Ok(bundle)
}

/// Every entry, duplicates too: a map would drop them.
struct Entries(Vec<Entry>);

struct Entry {
    key: Option<String>,
    value: Option<Text>,
}

/// A text, or something else that is skipped.
enum Text {
    Secret(SecretString),
    Other,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;

        impl<'de> Visitor<'de> for Whole {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Text>()? {
                    entries.push(Entry { key: Some(key), value: Some(value) });
                }
                Ok(Entries(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_any(Whole)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `key` and `value`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
                let mut entry = Entry { key: None, value: None };
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "key" => {
                            entry.key = match map.next_value()? {
                                Text::Secret(key) => Some(key.expose_secret().to_owned()),
                                Text::Other => None,
                            };
                        }
                        "value" => entry.value = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(entry)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text::Secret(text.into()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
                Ok(Text::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
                Ok(Text::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
                Ok(Text::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
                Ok(Text::Other)
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Text, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text::Other)
            }
        }

        deserializer.deserialize_any(Any)
    }
}
