//! Resolves escapes in secret JSON texts without leaving a copy in memory.

use crate::Wiped;

/// Resolves the escapes of a JSON text (RFC 8259), given without its quotes.
///
/// A common JSON parser resolves escapes in its own buffer, and leaves the text there. This function allocates its
/// buffer once, in full size, and wipes it. So no part of a secret stays in memory.
///
/// ```
/// use keyway_core::{JsonTextError, JsonTextFault, unescape_json};
///
/// assert_eq!(*unescape_json(r"caf\u00e9 \ud83d\udd11")?, "café 🔑");
/// let error = unescape_json(r"a\ud800").unwrap_err();
/// assert_eq!((error.at, error.fault), (1, JsonTextFault::LoneSurrogate));
/// # Ok::<(), JsonTextError>(())
/// ```
///
/// # Errors
/// [`JsonTextError`] names the position. It contains no part of the text.
pub fn unescape_json(raw: &str) -> Result<Wiped<String>, JsonTextError> {
    // The buffer is large enough, because an escape is never shorter than its character.
    let mut text = Wiped::new(String::with_capacity(raw.len()));
    let mut at = 0;
    while let Some(length) = raw[at..].find('\\') {
        text.push_str(&raw[at..at + length]);
        let begins = at + length;
        let malformed = JsonTextError { at: begins, fault: JsonTextFault::NoEscape };
        at = begins + 2;
        text.push(match raw.as_bytes().get(begins + 1).copied().ok_or(malformed)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = unit(raw, at).ok_or(malformed)?;
                let lone = JsonTextError { at: begins, fault: JsonTextFault::LoneSurrogate };
                at += 4;
                let mut units = [first, 0];
                let mut used = 1;
                if (0xd800..0xdc00).contains(&first) && raw[at..].starts_with("\\u") {
                    units[1] = unit(raw, at + 2).ok_or(lone)?;
                    used = 2;
                    at += 6;
                }
                let character = char::decode_utf16(units.into_iter().take(used)).next();
                character.and_then(Result::ok).ok_or(lone)?
            }
            _ => return Err(malformed),
        });
    }
    text.push_str(&raw[at..]);
    Ok(text)
}

/// The error for an invalid escape in a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (at byte {at})")]
pub struct JsonTextError {
    /// The position of the first byte of the escape.
    pub at: usize,
    /// The fault of the escape.
    pub fault: JsonTextFault,
}

/// A fault of an escape in a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonTextFault {
    /// The escape is unknown or incomplete.
    #[error("JSON has no such escape")]
    NoEscape,
    /// There is only one half of a surrogate pair.
    #[error("a \\u escape is half of a surrogate pair")]
    LoneSurrogate,
}

/// Parses the four hexadecimal digits at `at`.
fn unit(raw: &str, at: usize) -> Option<u16> {
    let digits = raw.as_bytes().get(at..at + 4)?;
    digits.iter().try_fold(0, |sum: u16, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(sum << 4 | u16::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_escape() {
        let read = unescape_json(r#"\"\\\/\b\f\n\r\t\u0000\u00E9\ud834\udd1e"#).unwrap();
        assert_eq!(*read, "\"\\/\u{8}\u{c}\n\r\t\0\u{e9}\u{1d11e}");
        assert_eq!(*unescape_json("").unwrap(), "");
    }

    #[test]
    fn a_wrong_escape_is_reported_with_its_place() {
        for (raw, at) in
            [(r"\", 0), (r"ab\", 2), (r"\x", 0), ("\\\u{e9}", 0), (r"\u12", 0), (r"\u12g4", 0), (r"\n\é", 2)]
        {
            assert_eq!(
                unescape_json(raw),
                Err(JsonTextError { at, fault: JsonTextFault::NoEscape }),
                "{raw}"
            );
        }
        for raw in [r"\ud800", r"\udc00", r"\ud800b", r"\ud800\n", r"\ud800\ud800", r"\ud800\u12"] {
            let lone = JsonTextError { at: 0, fault: JsonTextFault::LoneSurrogate };
            assert_eq!(unescape_json(raw), Err(lone), "{raw}");
        }
    }

    #[test]
    fn the_buffer_does_not_grow() {
        let raw = r"\u00e9".repeat(1000);
        let read = unescape_json(&raw).unwrap();
        assert_eq!(read.capacity(), raw.len());
    }

    proptest! {
        /// Compares the results with those of `serde_json`.
        #[test]
        fn it_resolves_what_serde_json_resolves(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["a", "\u{e9}", "\\n", "\\\\", "\\u00e9", "\\ud83d", "\\udd11", "\\", "u", "0"]),
                0..12,
            ),
        ) {
            let raw = pieces.concat();
            let theirs = serde_json::from_str::<String>(&format!("\"{raw}\""));
            prop_assert_eq!(unescape_json(&raw).ok().map(|text| text.to_string()), theirs.ok());
        }
    }
}
