//! Prints values as Erlang does. If a plugin sends a value of another type where a text belongs, the real host shows
//! users the form in which Erlang prints that value.
//!
//! Only the lenient profile needs this form.
//!
//! Unlike in Erlang, long values are not broken into lines at 80 columns.

use crate::Json;
use keyway_core::Wiped;

/// Prints one value; a text stays unchanged.
pub(super) fn print(value: &Json) -> Wiped<String> {
    let mut bytes = Wiped::new(Vec::with_capacity(size(value)));
    put_text(&mut bytes, value);
    finish(&bytes)
}

/// Prints several values and joins them without a separator.
pub(super) fn join(values: &[Json]) -> Wiped<String> {
    let mut bytes = Wiped::new(Vec::with_capacity(values.iter().map(size).sum()));
    for value in values {
        put_text(&mut bytes, value);
    }
    finish(&bytes)
}

/// Prints a text as Erlang prints it within another value: as a binary, `<<"...">>`.
pub(super) fn print_binary(text: &str) -> String {
    let mut bytes = Vec::new();
    binary(&mut bytes, text);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the printed bytes as a text. Erlang prints code points up to 255 as bytes, so a list of the bytes of a UTF-8
/// text becomes that text.
fn finish(bytes: &[u8]) -> Wiped<String> {
    Wiped::new(String::from_utf8_lossy(bytes).into_owned())
}

/// Returns an upper bound for the printed length in bytes, so that no buffer with a secret grows.
fn size(value: &Json) -> usize {
    match value {
        Json::Null | Json::Boolean(_) => 8,
        Json::Integer(integer) => integer.decimal().len() + 4,
        Json::Float(_) => 40,
        Json::Text(text) => text.expose().len() * 4 + 8,
        Json::Array(items) => 4 + items.iter().map(|item| size(item) + 1).sum::<usize>(),
        Json::Object(entries) => {
            4 + entries.iter().map(|(name, value)| name.len() * 4 + 16 + size(value)).sum::<usize>()
        }
    }
}

fn put_text(out: &mut Vec<u8>, value: &Json) {
    match value {
        Json::Text(text) => out.extend_from_slice(text.expose().as_bytes()),
        other => term(out, other),
    }
}

fn term(out: &mut Vec<u8>, value: &Json) {
    match value {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Boolean(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Json::Integer(integer) => out.extend_from_slice(integer.decimal().as_bytes()),
        Json::Float(number) => out.extend_from_slice(float(number.get()).as_bytes()),
        Json::Text(text) => binary(out, text.expose()),
        Json::Array(items) => list(out, items),
        Json::Object(entries) => {
            out.extend_from_slice(b"#{");
            for (index, (name, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                binary(out, name);
                out.extend_from_slice(b" => ");
                term(out, value);
            }
            out.push(b'}');
        }
    }
}

/// Prints a list. A list of printable characters is shown as a text.
fn list(out: &mut Vec<u8>, items: &[Json]) {
    let character = |item: &Json| match item {
        Json::Integer(integer) => integer.decimal().parse().ok().filter(|byte| is_printable(*byte)),
        _ => None,
    };
    if !items.is_empty() && items.iter().all(|item| character(item).is_some()) {
        out.push(b'"');
        items.iter().filter_map(character).for_each(|byte| quoted(out, byte));
        out.push(b'"');
        return;
    }
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        term(out, item);
    }
    out.push(b']');
}

fn binary(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"<<");
    if text.bytes().all(is_printable) {
        if !text.is_empty() {
            out.push(b'"');
            text.bytes().for_each(|byte| quoted(out, byte));
            out.push(b'"');
        }
    } else {
        for (index, byte) in text.bytes().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(byte.to_string().as_bytes());
        }
    }
    out.extend_from_slice(b">>");
}

/// Tells whether Erlang treats a byte as a printable character of Latin-1.
const fn is_printable(byte: u8) -> bool {
    matches!(byte, 32..=126 | 160..=255 | 8..=13 | 27)
}

fn quoted(out: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        8 => b'b',
        9 => b't',
        10 => b'n',
        11 => b'v',
        12 => b'f',
        13 => b'r',
        27 => b'e',
        other => {
            out.push(other);
            return;
        }
    };
    out.push(b'\\');
    out.push(letter);
}

/// 2^53. From this number on, floats cannot represent every whole number, and Erlang always prints an exponent.
const EXPONENT_FROM: f64 = 9_007_199_254_740_992.0;

/// Prints a float with the fewest digits that read back as the same number.
///
/// Uses an exponent if that makes the text shorter, and always from 2^53 on.
fn float(number: f64) -> Wiped<String> {
    if number == 0.0 {
        let sign = if number.is_sign_negative() { "-" } else { "" };
        return Wiped::new(format!("{sign}0.0"));
    }
    let printed = Wiped::new(format!("{:e}", number.abs()));
    let (mantissa, exponent) = printed.split_once('e').unwrap_or((&printed, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let sign = if number < 0.0 { "-" } else { "" };
    let with_exponent = || {
        let fraction = if mantissa.contains('.') { "" } else { ".0" };
        format!("{sign}{mantissa}{fraction}e{exponent}")
    };
    // Rust's `Display` prints all zeros and never an exponent.
    let plain = || {
        let plain = format!("{sign}{}", number.abs());
        if plain.contains('.') { plain } else { plain + ".0" }
    };
    if number.abs() >= EXPONENT_FROM || exponent < -30 {
        return Wiped::new(with_exponent());
    }
    let (plain, with_exponent) = (Wiped::new(plain()), Wiped::new(with_exponent()));
    if plain.len() <= with_exponent.len() { plain } else { with_exponent }
}
