//! Reads a configuration file as JSON.

use std::ops::Range;

use keyway_core::Json;
use keyway_core::json::{Float, JsonObject, shown_name};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_parser::decoder::ScalarKind;

use crate::scalars::{DEEPEST, Malformed, blanked, reason_of, scalar};

/// The fault of a document, and its place. It holds names of the document, and no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {reason}", .key.as_ref().map(|key| format!(", `{}`", shown_name(key))).unwrap_or_default())]
pub struct Unreadable {
    line: usize,
    key: Option<String>,
    reason: String,
}

impl Unreadable {
    /// Returns the line, counted from 1.
    pub const fn line(&self) -> usize {
        self.line
    }

    /// Returns the name of the value with the fault, if the fault is in a value.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

/// Reads a document as JSON. Does no I/O.
///
/// A configuration is JSON for the plugins (see [`read_configuration`](keyway_core::read_configuration)), which has no
/// dates and no infinite numbers. Integers have at most 64 bits.
///
/// # Errors
/// [`Unreadable`] for a text that is not TOML, and for a value that is not in JSON.
pub fn read(text: &str) -> Result<Json, Unreadable> {
    let reader = Reader { text };
    let blank = blanked(text).and_then(|blank| blank.fault.map_or(Ok(blank.text), Err)).map_err(
        |Malformed { at, key, reason }| reader.unreadable(&at, key.and_then(|key| text.get(key)), reason),
    )?;
    // Whole values and comments were replaced by ASCII characters, so the document is still UTF-8.
    let blank = std::str::from_utf8(&blank).unwrap_or_default();
    let root = DeTable::parse(blank).map_err(|error| {
        let at = error.span().unwrap_or_default();
        // The fault is one of names, because all values were checked.
        reader.unreadable(&at, blank.get(at.clone()), reason_of(&error))
    })?;
    reader.entries(root.into_inner(), 0).map(Json::Object)
}

struct Reader<'text> {
    text: &'text str,
}

impl Reader<'_> {
    fn entries(&self, table: DeTable<'_>, depth: u32) -> Result<JsonObject, Unreadable> {
        let entry = |(key, value): (Spanned<_>, _)| {
            let key: std::borrow::Cow<'_, str> = key.into_inner();
            Ok((key.clone().into_owned(), self.value(&key, value, depth + 1)?))
        };
        table.into_iter().map(entry).collect()
    }

    /// Reads a value that has this name, or is inside of one that has it.
    fn value(&self, key: &str, value: Spanned<DeValue<'_>>, depth: u32) -> Result<Json, Unreadable> {
        let at = value.span();
        if depth > DEEPEST {
            return Err(self.unreadable(&at, Some(key), "it is nested too deeply".to_owned()));
        }
        match value.into_inner() {
            DeValue::Array(items) => {
                let items = items.into_iter().map(|item| self.value(key, item, depth + 1));
                items.collect::<Result<_, _>>().map(Json::Array)
            }
            DeValue::Table(table) => self.entries(table, depth).map(Json::Object),
            // All other values are blanked out, and read from the text.
            _ => self.scalar(&at).map_err(|reason| self.unreadable(&at, Some(key), reason)),
        }
    }

    fn scalar(&self, at: &Range<usize>) -> Result<Json, String> {
        let (kind, text) = scalar(self.text, at.clone()).map_err(|fault| fault.reason)?;
        match kind {
            ScalarKind::String => Ok(Json::Text(text.into())),
            ScalarKind::Boolean(truth) => Ok(Json::Boolean(truth)),
            ScalarKind::Integer(radix) => match i64::from_str_radix(&text, radix.value()) {
                Ok(integer) => Ok(Json::Integer(integer.into())),
                Err(_) => Err("an integer of more than 64 bits".to_owned()),
            },
            ScalarKind::Float => {
                let float = text.parse().ok().and_then(Float::new);
                float.map(Json::Float).ok_or_else(|| "a number that is not finite".to_owned())
            }
            ScalarKind::DateTime => Err("a date or time without quotes: write it as a text".to_owned()),
        }
    }

    fn unreadable(&self, at: &Range<usize>, key: Option<&str>, reason: String) -> Unreadable {
        let before = &self.text.as_bytes()[..at.start.min(self.text.len())];
        let line = before.split(|byte| *byte == b'\n').count();
        Unreadable { line, key: key.filter(|key| !key.is_empty()).map(str::to_owned), reason }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_text(text: &str) -> Result<String, String> {
        read(text).map(|json| json.to_ascii().to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn values_have_the_types_of_json() {
        let text =
            "a = ['\\n', \"\\u00e9\", 0b11, -1_0, 2.5, true]\nb.\"c d\" = {}\n[[e]]\nf = '''x'''\n[[e]]";
        let json = r#"{"a":["\\n","\u00e9",3,-10,2.50000000000000000000e+00,true],"b":{"c d":{}},"e":[{"f":"x"},{}]}"#;
        assert_eq!(read_text(text).unwrap(), json);
        assert_eq!(read_text("").unwrap(), "{}");
    }

    #[test]
    fn a_fault_is_named_by_line_and_key() {
        for (text, named) in [
            ("a = 1\nb = inf", "line 2, `b`: a number that is not finite"),
            ("a = [\n1,\n9223372036854775808]", "line 3, `a`: an integer of more than 64 bits"),
            ("a.b = 12:00:00", "line 1, `b`: a date or time without quotes"),
            ("a = 1\na = 2", "line 2, `a`: duplicate key"),
            ("a = 'x'\na.b = 1", "line 2, `a`: cannot extend a value with a dotted key"),
            ("\n= 2", "line 2: "),
            ("a = 1\n\"n\u{7}\" = x", "line 2"),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.starts_with(named), "{text:?}: {error}");
            assert!(!error.contains('\u{7}'), "{error:?}");
        }
    }

    #[test]
    fn a_document_that_nests_deeply_is_refused() {
        let deep = |levels: usize| format!("{}b = 1", "a.".repeat(levels));
        assert!(read_text(&deep(20)).is_ok());
        for text in [deep(100), deep(100_000), format!("a = {}", "[".repeat(100_000))] {
            assert!(read_text(&text).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_fault_repeats_a_value(
            before in "[ab=\"'#\\[\\]{},.1 \n]{0,12}",
            after in "[ab=\"'#\\[\\]{},.1 \n]{0,12}",
        ) {
            // A text that is no name of a value is not shown, since it may be a part of a secret.
            let shown = read_text(&format!("{before}\nk = n33dle{after}")).err();
            prop_assert!(shown.is_none_or(|error| !error.contains("n33dle")));
        }

        #[test]
        fn no_text_causes_a_panic(text: String) {
            let _ = read_text(&text);
        }
    }
}
