//! The text that Erlang (OTP 25) prints for a value. The real host shows this text for a value that is not a text.
//!
//! This module differs from Erlang in two points (decision W3): the text is on one line, and shows the names of objects
//! as texts.

use super::Plain;

/// Prints a value; a text stays unchanged.
pub(super) fn shown(value: &Plain) -> String {
    lossy(&bytes_of(value))
}

/// Prints the items without a separator.
pub(super) fn joined(items: &[Plain]) -> String {
    lossy(&items.iter().flat_map(bytes_of).collect::<Vec<_>>())
}

/// Prints a text in the form that it has inside a list or an object.
pub(super) fn marked(text: &str) -> String {
    lossy(&binary(text.as_bytes()))
}

/// Tells whether the real host may print the value differently: it breaks lines at 80 columns, and prints a name as an
/// atom if its virtual machine happens to know the name.
pub(super) fn is_ours(value: &Plain) -> bool {
    !matches!(value, Plain::Text(_)) && (value.holds_object() || shown(value).len() > 60)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn bytes_of(value: &Plain) -> Vec<u8> {
    match value {
        Plain::Text(text) => text.clone().into_bytes(),
        other => term(other),
    }
}

fn term(value: &Plain) -> Vec<u8> {
    match value {
        Plain::Null => b"null".to_vec(),
        Plain::Truth(truth) => truth.to_string().into_bytes(),
        Plain::Integer(digits) => digits.clone().into_bytes(),
        Plain::Float(number) => float(*number).into_bytes(),
        Plain::Text(text) => binary(text.as_bytes()),
        Plain::List(items) => {
            let characters: Option<Vec<u8>> = items.iter().map(character).collect();
            match characters {
                Some(characters) if !characters.is_empty() => string(&characters),
                _ => enclosed("[", items.iter().map(term), "]"),
            }
        }
        Plain::Object(entries) => {
            // If a name occurs twice, its first value counts. The names are printed in sorted order.
            let mut kept: Vec<&(String, Plain)> = Vec::new();
            for entry in entries {
                if !kept.iter().any(|(name, _)| *name == entry.0) {
                    kept.push(entry);
                }
            }
            kept.sort_by_key(|(name, _)| name);
            let printed = kept
                .iter()
                .map(|(name, value)| [binary(name.as_bytes()), b" => ".to_vec(), term(value)].concat());
            enclosed("#{", printed, "}")
        }
    }
}

fn enclosed(open: &str, items: impl Iterator<Item = Vec<u8>>, close: &str) -> Vec<u8> {
    let items: Vec<_> = items.collect();
    [open.as_bytes(), &items.join(&b','), close.as_bytes()].concat()
}

/// Returns the character of Latin-1 that an item represents, if it is printable.
fn character(item: &Plain) -> Option<u8> {
    match item {
        Plain::Integer(digits) => digits.parse().ok().filter(|byte| can_be_printed(*byte)),
        _ => None,
    }
}

fn can_be_printed(byte: u8) -> bool {
    (8..=13).contains(&byte) || byte == 27 || (32..127).contains(&byte) || byte >= 160
}

fn string(characters: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for byte in characters {
        match byte {
            b'"' => out.extend(b"\\\""),
            b'\\' => out.extend(b"\\\\"),
            8..=13 => out.extend([b'\\', b"btnvfr"[usize::from(byte - 8)]]),
            27 => out.extend(b"\\e"),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
    out
}

fn binary(bytes: &[u8]) -> Vec<u8> {
    let inside = if bytes.is_empty() {
        Vec::new()
    } else if bytes.iter().all(|byte| can_be_printed(*byte)) {
        string(bytes)
    } else {
        bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(",").into_bytes()
    };
    [b"<<", &inside[..], b">>"].concat()
}

/// Prints the fewest digits that identify the number.
///
/// If the absolute value is below 2^53, Erlang chooses the shorter of the decimal notation and the notation with an
/// exponent, and the decimal one if both have the same length. From 2^53 on, it always chooses the notation with an
/// exponent (`float_to_list(F, [short])`).
fn float(number: f64) -> String {
    let sign = if number.is_sign_negative() { "-" } else { "" };
    if number == 0.0 {
        return format!("{sign}0.0");
    }
    let scientific = format!("{:e}", number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i64 = exponent.parse().unwrap_or_default();
    let (first, rest) = digits.split_at(1);
    let rest = if rest.is_empty() { "0" } else { rest };
    let with_exponent = format!("{sign}{first}.{rest}e{exponent}");
    // The number of digits before the point.
    let before = exponent + 1;
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    let plain = if before <= 0 {
        format!("{sign}0.{}{digits}", zeros(-before))
    } else if before >= length {
        format!("{sign}{digits}{}.0", zeros(before - length))
    } else {
        let (whole, part) = digits.split_at(usize::try_from(before).unwrap_or(0));
        format!("{sign}{whole}.{part}")
    };
    let is_large = number.abs() >= 9_007_199_254_740_992.0;
    if is_large || with_exponent.len() < plain.len() { with_exponent } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_the_real_host_shows_them() {
        for (number, text) in [
            (1.5, "1.5"),
            (1e3, "1.0e3"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (0.000_01, "1.0e-5"),
            (-2.5e-7, "-2.5e-7"),
            (123_456.75, "123456.75"),
            (9_007_199_254_740_993.0, "9.007199254740992e15"),
            (9_007_199_254_740_991.0, "9007199254740991.0"),
            (-0.0, "-0.0"),
        ] {
            assert_eq!(float(number), text);
        }
    }

    #[test]
    fn values_are_shown_as_the_real_host_shows_them() {
        for (json, text) in [
            ("[72, 105]", "\"Hi\""),
            ("[1, 2, 300]", "[1,2,300]"),
            (r#"["a", ["b"], ""]"#, r#"[<<"a">>,[<<"b">>],<<>>]"#),
            ("[]", "[]"),
            (r#"["\u0001"]"#, "[<<1>>]"),
            (r#"{"b": 1, "a": [true, null], "b": 2}"#, r#"#{<<"a">> => [true,null],<<"b">> => 1}"#),
        ] {
            assert_eq!(shown(&Plain::first_of(json).unwrap().0), text);
        }
        assert_eq!(
            joined(&[Plain::Text("a\n".to_owned()), Plain::Null, Plain::List(Vec::new())]),
            "a\nnull[]"
        );
        assert_eq!(marked("a\"b"), r#"<<"a\"b">>"#);
    }
}
