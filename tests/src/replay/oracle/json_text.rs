//! Integers beyond 64 bits in a JSON text, which `serde_json` does not keep.

/// Replaces every integer that fits neither `i64` nor `u64` by `{"$integer": "its digits"}`, and
/// each lone half of a surrogate pair by U+FFFD, since Rust's texts cannot hold one.
pub fn with_all_integers(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'"' => end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => end_of_number(bytes, at),
            _ => at + text[at..].chars().next().map_or(1, char::len_utf8),
        };
        let token = &text[at..end];
        if bytes[at] == b'"' {
            push_string(token, &mut out);
        } else if is_long_integer(token) {
            out.push_str("{\"$integer\": \"");
            out.push_str(token);
            out.push_str("\"}");
        } else {
            out.push_str(token);
        }
        at = end;
    }
    out
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    // In JSON, the character after a backslash is ASCII, so no step of two bytes ends inside of a character.
    (at + 1).min(bytes.len())
}

fn end_of_number(bytes: &[u8], start: usize) -> usize {
    let in_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    start + bytes[start..].iter().take_while(|byte| in_number(byte)).count()
}

fn is_long_integer(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && token.parse::<i64>().is_err()
        && token.parse::<u64>().is_err()
}

fn push_string(token: &str, out: &mut String) {
    let mut rest = token;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at..];
        match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => {
                out.push_str(&rest[..at + 12]);
                rest = &rest[at + 12..];
            }
            (Some(0xd800..=0xdfff), _) => {
                out.push_str(&rest[..at]);
                out.push('\u{fffd}');
                rest = &rest[at + 6..];
            }
            _ => {
                let end = at + 1 + rest[at + 1..].chars().next().map_or(0, char::len_utf8);
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    out.push_str(rest);
}

/// Parses the number in an escape `\uXXXX` at the beginning of `text`.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Value {
        serde_json::from_str(&with_all_integers(text)).unwrap()
    }

    #[test]
    fn long_integers_are_kept() {
        assert_eq!(
            read("[1, -1, 18446744073709551615, 18446744073709551616, -9223372036854775809, 1e30, 1.5]"),
            json!([1, -1, 18446744073709551615_u64, {"$integer": "18446744073709551616"},
                   {"$integer": "-9223372036854775809"}, 1e30, 1.5])
        );
    }

    #[test]
    fn texts_stay_what_they_are() {
        let text =
            r#"{"99999999999999999999": "a \" 99999999999999999999 \\", "ü€😀": "\ud83d\ude00 \u00e9"}"#;
        assert_eq!(read(text), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn half_a_pair_is_replaced() {
        assert_eq!(
            read(r#"["\ud800x", "\udc00", "\ud800\ud800", "\\ud800"]"#),
            json!(["\u{fffd}x", "\u{fffd}", "\u{fffd}\u{fffd}", "\\ud800"])
        );
    }
}
