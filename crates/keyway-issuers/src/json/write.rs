//! The writer: the very bytes that the real host writes.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::Json;

/// The value as ASCII JSON.
pub(super) fn to_ascii(value: &Json) -> Zeroizing<String> {
    let mut writer = Writer::with_capacity(estimate(value));
    write_value(&mut writer, value);
    writer.finish()
}

/// At least the number of bytes that `value` takes, so that writing seldom copies.
fn estimate(value: &Json) -> usize {
    match value {
        Json::Null | Json::Boolean(_) => 6,
        Json::Integer(integer) => integer.decimal().len() + 1,
        Json::Float(_) => 32,
        Json::Text(text) => text.expose().len() + text.expose().len() / 4 + 4,
        Json::Array(items) => 2 + items.iter().map(estimate).sum::<usize>(),
        Json::Object(entries) => {
            2 + entries.iter().map(|(name, value)| name.len() + 4 + estimate(value)).sum::<usize>()
        }
    }
}

/// Writes ASCII JSON. Whoever calls it puts names and values in the right places.
///
/// When the buffer grows, the old one is zeroized, because a request holds tokens.
pub(crate) struct Writer {
    text: Zeroizing<String>,
}

impl Writer {
    /// A writer with room for `bytes`.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { text: Zeroizing::new(String::with_capacity(bytes)) }
    }

    /// What was written.
    pub(crate) fn finish(self) -> Zeroizing<String> {
        self.text
    }

    fn reserve(&mut self, bytes: usize) {
        if self.text.capacity() - self.text.len() < bytes {
            let mut larger = Zeroizing::new(String::with_capacity((self.text.len() + bytes) * 2));
            larger.push_str(&self.text);
            self.text = larger;
        }
    }

    /// Writes what is JSON already.
    pub(crate) fn raw(&mut self, json: &str) {
        self.reserve(json.len());
        self.text.push_str(json);
    }

    /// Writes a text with its quotes.
    pub(crate) fn text(&mut self, text: &str) {
        self.raw("\"");
        let bytes = text.as_bytes();
        let mut written = 0;
        for (at, character) in text.char_indices() {
            let escape = match character {
                '"' => "\\\"",
                '\\' => "\\\\",
                '/' => "\\/",
                '\u{8}' => "\\b",
                '\u{c}' => "\\f",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                // DEL is neither a control character of JSON's nor beyond ASCII.
                ' '..='\u{7f}' => continue,
                _ => "",
            };
            debug_assert!(bytes.get(at).is_some());
            self.raw(&text[written..at]);
            written = at + character.len_utf8();
            if escape.is_empty() {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    self.reserve(6);
                    let _ = write!(*self.text, "\\u{unit:04x}");
                }
            } else {
                self.raw(escape);
            }
        }
        self.raw(&text[written..]);
        self.raw("\"");
    }

    /// Writes a float as Erlang's `float_to_binary/1` does: 20 decimals, and an exponent
    /// of a sign and at least two digits.
    fn float(&mut self, float: f64) {
        let printed = Zeroizing::new(format!("{float:.20e}"));
        let (mantissa, exponent) = printed.split_once('e').unwrap_or((&printed, "0"));
        self.reserve(printed.len() + 4);
        self.text.push_str(mantissa);
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        let _ = write!(*self.text, "e{sign}{digits:0>2}");
    }
}

/// Writes a value.
pub(crate) fn write_value(writer: &mut Writer, value: &Json) {
    match value {
        Json::Null => writer.raw("null"),
        Json::Boolean(true) => writer.raw("true"),
        Json::Boolean(false) => writer.raw("false"),
        Json::Integer(integer) => writer.raw(integer.decimal()),
        Json::Float(float) => writer.float(float.get()),
        Json::Text(text) => writer.text(text.expose()),
        Json::Array(items) => {
            writer.raw("[");
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    writer.raw(",");
                }
                write_value(writer, item);
            }
            writer.raw("]");
        }
        Json::Object(entries) => {
            writer.raw("{");
            for (index, (name, value)) in entries.iter().enumerate() {
                if index > 0 {
                    writer.raw(",");
                }
                writer.text(name);
                writer.raw(":");
                write_value(writer, value);
            }
            writer.raw("}");
        }
    }
}
