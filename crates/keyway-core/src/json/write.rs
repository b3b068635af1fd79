//! The writer of JSON. It writes exactly the same bytes as WaTTS.

use std::fmt::{self, Write as _};

use super::plain::before_escaped;
use super::{Json, JsonObject};
use crate::Wiped;

/// The default capacity of a buffer, in bytes.
const ROOM: usize = 512;

/// Writes the value as ASCII JSON.
pub(super) fn to_ascii(value: &Json) -> Wiped<String> {
    let mut writer = Writer::with_capacity(ROOM);
    writer.value(value);
    writer.finish()
}

/// A writer of ASCII JSON. The caller writes names, values and punctuation in the right order.
///
/// When the buffer grows, its old memory is zeroized, because a request contains tokens.
pub struct Writer {
    text: Wiped<String>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer({} bytes)", self.text.len())
    }
}

impl Writer {
    /// Creates a writer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: Wiped::new(String::with_capacity(bytes)) }
    }

    /// Returns the written text.
    pub fn finish(self) -> Wiped<String> {
        self.text
    }

    #[inline]
    fn reserve(&mut self, bytes: usize) {
        if self.text.capacity() - self.text.len() < bytes {
            self.grow(bytes);
        }
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        let mut larger = Wiped::new(String::with_capacity((self.text.len() + bytes) * 2));
        larger.push_str(&self.text);
        self.text = larger;
    }

    /// Writes a text that already is valid JSON.
    #[inline]
    pub fn raw(&mut self, json: &str) {
        self.reserve(json.len());
        self.text.push_str(json);
    }

    /// Writes a text in quotes.
    pub fn text(&mut self, text: &str) {
        let plain = before_escaped(text.as_bytes());
        self.reserve(text.len() + 2);
        self.text.push('"');
        self.text.push_str(&text[..plain]);
        if plain < text.len() {
            self.escaped(&text[plain..]);
        }
        self.text.push('"');
    }

    /// Writes a value.
    pub fn value(&mut self, value: &Json) {
        match value {
            Json::Null => self.raw("null"),
            Json::Boolean(true) => self.raw("true"),
            Json::Boolean(false) => self.raw("false"),
            Json::Integer(integer) => self.raw(integer.decimal()),
            Json::Float(float) => self.float(float.get()),
            Json::Text(text) => self.text(text.expose()),
            Json::Array(items) => {
                self.raw("[");
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.raw(",");
                    }
                    self.value(item);
                }
                self.raw("]");
            }
            Json::Object(entries) => self.object(entries),
        }
    }

    /// Writes an object.
    pub fn object(&mut self, entries: &JsonObject) {
        self.raw("{");
        for (index, (name, value)) in entries.iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            self.text(name);
            self.raw(":");
            self.value(value);
        }
        self.raw("}");
    }

    /// Writes a text that begins with a character to escape. Reserves room for the closing quote.
    #[inline(never)]
    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            self.escape(character);
            rest = &rest[character.len_utf8()..];
            let plain = before_escaped(rest.as_bytes());
            self.raw(&rest[..plain]);
            rest = &rest[plain..];
        }
        self.reserve(1);
    }

    fn escape(&mut self, character: char) {
        self.raw(match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '/' => "\\/",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    self.reserve(6);
                    let _ = write!(*self.text, "\\u{unit:04x}");
                }
                return;
            }
        });
    }

    /// Writes a float as Erlang's `float_to_binary/1` does: with 20 decimals, and an exponent that has a sign and at
    /// least two digits.
    fn float(&mut self, float: f64) {
        let printed = Wiped::new(format!("{float:.20e}"));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the output with the texts that WaTTS writes for these values.
    #[test]
    fn the_bytes_are_those_of_the_real_host() {
        for (value, text) in [
            (serde_json::json!("a/b\"\\"), r#""a\/b\"\\""#),
            (serde_json::json!("\u{e9}\u{1f511}"), r#""\u00e9\ud83d\udd11""#),
            (serde_json::json!("\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}"), "\"\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}\""),
            (serde_json::json!(1.5), "1.50000000000000000000e+00"),
            (serde_json::json!(0.1), "1.00000000000000005551e-01"),
            (serde_json::json!(100.0), "1.00000000000000000000e+02"),
            (serde_json::json!(-2.5e-101), "-2.50000000000000004998e-101"),
            (serde_json::json!(12_345_678_901_234_567_890_u64), "12345678901234567890"),
            (serde_json::json!([1, "a", [], null, true, false, {}]), r#"[1,"a",[],null,true,false,{}]"#),
            (serde_json::json!({"b": 1, "a": 2, "C": 3, "aa": 4}), r#"{"C":3,"a":2,"aa":4,"b":1}"#),
        ] {
            assert_eq!(*Json::from(value).to_ascii(), *text);
        }
    }

    #[test]
    fn a_buffer_that_is_too_small_grows() {
        let mut writer = Writer::with_capacity(0);
        let text = "\u{e9}x/".repeat(1000);
        writer.text(&text);
        let written = writer.finish();
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }
}
