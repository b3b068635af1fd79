//! Reads and writes JSON: an object of texts, or a list of secrets.

use std::fmt;

use keyway_core::unescape_json;
use keyway_core::{SecretText, Wiped};
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Bundle, BundleError};

pub(super) fn write(bundle: &Bundle) -> SecretText {
    // Each byte of a text becomes at most six (`\u0000`). The full size is allocated at once, since
    // growing would leave copies of secrets behind.
    let size = bundle.iter().map(|(key, value)| 6 * (key.len() + value.expose().len()) + 12).sum::<usize>();
    let mut text = Wiped::new(String::with_capacity(size + 6));
    text.push_str("{\n");
    for (index, (key, value)) in bundle.iter().enumerate() {
        text.push_str(if index == 0 { "  " } else { ",\n  " });
        push_text(&mut text, key);
        text.push_str(": ");
        push_text(&mut text, value.expose());
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
                // These control characters are ASCII, so two hexadecimal digits suffice.
                let digit = |of: u32| char::from_digit(of, 16).unwrap_or('0');
                into.push_str("\\u00");
                into.extend([digit(u32::from(control) >> 4), digit(u32::from(control) & 15)]);
            }
            other => into.push(other),
        }
    }
    into.push('"');
}

/// Splits the text without decoding it, since `serde_json` decodes escapes in a buffer that it does
/// not wipe. Values stay slices of `file`, as written, until [`text_of`] reads them.
pub(super) fn read(file: &str) -> Result<Bundle, BundleError> {
    let whole: &RawValue = serde_json::from_str(file)
        .map_err(|error| BundleError::NotJson { line: error.line(), column: error.column() })?;
    let mut bundle = Bundle::new();
    if whole.get().starts_with('{') {
        for (key, value) in members(whole).map_err(|_| ANOTHER_SHAPE)? {
            push(&mut bundle, file, Some(key), Some(value))?;
        }
        return Ok(bundle);
    }
    let list: Vec<&RawValue> = serde_json::from_str(whole.get()).map_err(|_| ANOTHER_SHAPE)?;
    for (index, entry) in list.into_iter().enumerate() {
        let mut fields = Vec::new();
        for (name, field) in members(entry).map_err(|_| ANOTHER_SHAPE)? {
            fields.extend(text_of(name, file)?.map(|name| (name, field)));
        }
        if let Some(name) = first_twice(fields.iter().map(|(name, _)| name.as_str()).collect()) {
            let field = KNOWN.into_iter().find(|known| name == *known);
            return Err(BundleError::FieldTwice { entry: index + 1, field });
        }
        let [key, value] = KNOWN
            .map(|known| fields.iter().find(|(name, _)| name.as_str() == known).map(|(_, field)| *field));
        push(&mut bundle, file, key, value)?;
    }
    Ok(bundle)
}

/// Returns the names and values of an object in order, including duplicates.
///
/// # Errors
/// The value is not an object.
fn members(object: &RawValue) -> serde_json::Result<Vec<(&RawValue, &RawValue)>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(&'de RawValue, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    serde_json::Deserializer::from_str(object.get()).deserialize_map(Members)
}

/// Returns a name that occurs twice, or `None` if all names differ. It sorts the names, so that it is fast for many
/// names, too.
fn first_twice(mut names: Vec<&str>) -> Option<&str> {
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// The fields of an entry that the reader uses.
const KNOWN: [&str; 2] = ["key", "value"];

const ANOTHER_SHAPE: BundleError = BundleError::Shape("the file has another shape");

fn push(
    bundle: &mut Bundle,
    file: &str,
    key: Option<&RawValue>,
    value: Option<&RawValue>,
) -> Result<(), BundleError> {
    let text = |raw: Option<&RawValue>| raw.map_or(Ok(None), |raw| text_of(raw, file));
    let key = text(key)?.ok_or(BundleError::Shape("an entry has no key"))?;
    let value =
        text(value)?.ok_or_else(|| BundleError::NotTextInJson { key: key.escape_debug().to_string() })?;
    // The text is copied, because moving it would leave an unwiped copy behind.
    bundle.push(&key, value.as_str())
}

/// Decodes the text of a value; `None` if the value is not a text.
fn text_of(value: &RawValue, file: &str) -> Result<Option<Wiped<String>>, BundleError> {
    let raw = value.get();
    let Some(inside) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Ok(None);
    };
    unescape_json(inside).map(Some).map_err(|error| {
        let before = &file[..inside.as_ptr().addr() - file.as_ptr().addr() + error.at];
        let line_begins = before.rfind('\n').map_or(0, |end| end + 1);
        let line = before.matches('\n').count() + 1;
        BundleError::NotJson { line, column: before.len() - line_begins + 1 }
    })
}
