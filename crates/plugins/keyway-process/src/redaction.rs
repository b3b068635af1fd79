//! Hides the parts of a text that also occur in secrets.
//!
//! Whether a byte is hidden depends only on the byte and the seven bytes on each side of it. So the last part of a long
//! text can be redacted without the first part, if the seven bytes before the last part are known. The result is the
//! same as for the whole text, even if a secret is longer than the last part or begins before it (H62).

use keyway_core::Wiped;
use keyway_issuers::Json;
use zeroize::Zeroizing;

/// The length of the shortest run of bytes that is hidden.
pub(crate) const SHORTEST: usize = 8;

/// The replacement of a hidden part.
const REDACTED: &str = "[REDACTED]";

/// Searches secrets for the byte runs of one text.
pub(crate) struct Redaction {
    /// All runs of eight bytes in the text, sorted, each with its end in the text.
    runs: Zeroizing<Vec<(u64, usize)>>,
    /// One flag for each entry of `runs`: true if the run occurs in a secret. Of several equal entries, only the first
    /// has the flag, which counts for all of them.
    shared: Vec<bool>,
    /// A filter that excludes most runs that do not occur in the text, without a search in `runs`.
    filter: Zeroizing<Vec<u64>>,
}

impl Redaction {
    const FILTER_BITS: u32 = 16;

    pub(crate) fn of(text: &[u8]) -> Self {
        let mut runs = Zeroizing::new(Vec::with_capacity(text.len()));
        runs.extend(runs_of(text));
        runs.sort_unstable();
        let mut filter = Zeroizing::new(vec![0; 1 << (Self::FILTER_BITS - 6)]);
        for (run, _) in runs.iter() {
            let (word, bit) = Self::place_in_filter(*run);
            filter[word] |= bit;
        }
        Self { shared: vec![false; runs.len()], runs, filter }
    }

    /// Hides every run that also occurs in `secret`.
    pub(crate) fn hide_bytes(&mut self, secret: &[u8]) {
        for (run, _) in runs_of(secret) {
            let (word, bit) = Self::place_in_filter(run);
            if self.filter[word] & bit == 0 {
                continue;
            }
            let first = self.runs.partition_point(|(other, _)| *other < run);
            if self.runs.get(first).is_some_and(|(other, _)| *other == run) {
                self.shared[first] = true;
            }
        }
    }

    /// Hides every run that also occurs in `secret` or in its JSON form. White space around `secret` is ignored.
    pub(crate) fn hide_text(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.len() < SHORTEST {
            return;
        }
        self.hide_bytes(secret.as_bytes());
        let quoted = Json::text(secret).to_ascii();
        let escaped = &quoted.as_bytes()[1..quoted.len() - 1];
        if escaped.len() > secret.len() {
            self.hide_bytes(escaped);
        }
    }

    /// Hides every run that also occurs in `printed`, the output of a program, either unchanged or after JSON escapes
    /// are decoded.
    pub(crate) fn hide_printed(&mut self, printed: &[u8]) {
        self.hide_bytes(printed);
        if printed.contains(&b'\\') {
            self.hide_bytes(&unescaped(printed));
        }
    }

    /// Sets `hidden` for each byte of the text that must be hidden.
    pub(crate) fn mark(&self, hidden: &mut [bool]) {
        let mut last_shared = None;
        for ((run, end), shared) in self.runs.iter().zip(&self.shared) {
            if *shared {
                last_shared = Some(*run);
            }
            if last_shared == Some(*run) {
                hidden[end - SHORTEST..*end].fill(true);
            }
        }
    }

    fn place_in_filter(run: u64) -> (usize, u64) {
        // The upper bits of a product with an odd number (Knuth's multiplicative hash) depend on every byte.
        let bit = run.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - Self::FILTER_BITS);
        (usize::try_from(bit / 64).unwrap_or_default(), 1 << (bit % 64))
    }
}

/// Formats a text for a log: hidden parts become `[REDACTED]`, bytes that are not UTF-8 are replaced, and control
/// characters other than line feed and tab are escaped, such as `\u{1b}`.
pub(crate) fn show(text: &[u8], hidden: &[bool]) -> Wiped<String> {
    let mut shown = Wiped::new(String::with_capacity(text.len() + REDACTED.len()));
    let mut rest = text;
    for segment in hidden.chunk_by(|one, next| one == next) {
        let (bytes, after) = rest.split_at(segment.len());
        rest = after;
        if segment[0] {
            shown.push_str(REDACTED);
            continue;
        }
        for character in String::from_utf8_lossy(bytes).chars() {
            if character.is_control() && character != '\n' && character != '\t' {
                shown.extend(character.escape_default());
            } else {
                shown.push(character);
            }
        }
    }
    shown
}

/// Returns every run of [`SHORTEST`] bytes, and the position of its end. The two alphabets of base64 count as one.
fn runs_of(bytes: &[u8]) -> impl Iterator<Item = (u64, usize)> + '_ {
    let mut run = 0_u64;
    bytes.iter().enumerate().filter_map(move |(at, byte)| {
        let byte = match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        };
        run = run << 8 | u64::from(byte);
        (at + 1 >= SHORTEST).then_some((run, at + 1))
    })
}

/// Decodes the JSON escapes in a text. The text need not be valid JSON.
fn unescaped(json: &[u8]) -> Wiped<Vec<u8>> {
    let mut plain = Wiped::new(Vec::with_capacity(json.len()));
    let mut rest = json;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let escape = if *byte == b'\\' { rest.split_first() } else { None };
        let Some((kind, after)) = escape else {
            plain.push(*byte);
            continue;
        };
        rest = after;
        match kind {
            b'b' => plain.push(8),
            b'f' => plain.push(12),
            b'n' => plain.push(b'\n'),
            b'r' => plain.push(b'\r'),
            b't' => plain.push(b'\t'),
            b'u' => {
                let (character, after) = code_point(rest);
                rest = after;
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => plain.push(*other),
        }
    }
    plain
}

/// Decodes the four digits after `\u`, and also the next escape if the two form a surrogate pair.
fn code_point(digits: &[u8]) -> (char, &[u8]) {
    let unit = |bytes: &[u8]| {
        let digits = bytes.get(..4).and_then(|digits| str::from_utf8(digits).ok());
        digits.and_then(|digits| u16::from_str_radix(digits, 16).ok())
    };
    let Some(first) = unit(digits) else { return (char::REPLACEMENT_CHARACTER, digits) };
    let second = digits[4..].strip_prefix(b"\\u").and_then(unit);
    let mut decoded = char::decode_utf16([Some(first), second].into_iter().flatten());
    match decoded.next() {
        Some(Ok(character)) => (character, &digits[if character.len_utf16() == 2 { 10 } else { 4 }..]),
        _ => (char::REPLACEMENT_CHARACTER, &digits[4..]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::{Redaction, show, unescaped};

    fn shown(text: &[u8], redaction: &Redaction) -> String {
        let mut hidden = vec![false; text.len()];
        redaction.mark(&mut hidden);
        show(text, &hidden).to_string()
    }

    fn hidden(text: &str, secret: &str) -> String {
        let mut redaction = Redaction::of(text.as_bytes());
        redaction.hide_text(secret);
        shown(text.as_bytes(), &redaction)
    }

    #[test]
    fn a_piece_of_eight_bytes_is_hidden_and_one_of_seven_is_not() {
        assert_eq!(hidden("a 12345678 b", "0123456789"), "a [REDACTED] b");
        assert_eq!(hidden("a 1234567 b", "0123456789"), "a 1234567 b");
        assert_eq!(hidden("1234567", "1234567"), "1234567");
        assert_eq!(hidden("12345678", "12345678"), "[REDACTED]");
        assert_eq!(hidden("", "12345678"), "");
    }

    #[test]
    fn base64_is_found_in_either_alphabet() {
        assert_eq!(hidden("got ab+/cd+/ef.", "ab-_cd-_ef"), "got [REDACTED].");
    }

    #[test]
    fn a_secret_is_found_in_its_json_form() {
        let secret = "a\"b\"c/d/e\\f\\g\u{e9}h";
        let json = keyway_issuers::Json::text(secret).to_ascii();
        assert_eq!(hidden(&json, secret), "\"[REDACTED]\"");
    }

    #[test]
    fn decoded_texts_of_json_are_found() {
        let text = b"key: line-one\nabc=\n\xf0\x9f\x98\x80 and more";
        let mut redaction = Redaction::of(text);
        redaction.hide_printed(br#"{"value":"line-one\nabc=\n\ud83d\ude00 "#);
        assert_eq!(shown(text, &redaction), "key: [REDACTED]and more");
        for (json, plain) in [
            (&br"\"[..], &b"\\"[..]),
            (br"\u12", b"\xef\xbf\xbd12"),
            (br"\ud83dx", b"\xef\xbf\xbdx"),
            (br"\ud83d\u0041", b"\xef\xbf\xbdA"),
            (br#"\/\"\\\t"#, b"/\"\\\t"),
        ] {
            assert_eq!(&**unescaped(json), plain, "{}", String::from_utf8_lossy(json));
        }
    }

    #[test]
    fn a_repeated_byte_takes_no_longer() {
        let (text, secret) = (vec![b'x'; 8192], vec![b'x'; 1 << 20]);
        let begun = Instant::now();
        let mut redaction = Redaction::of(&text);
        redaction.hide_bytes(&secret);
        assert_eq!(shown(&text, &redaction), "[REDACTED]");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    proptest! {
        /// Compares the result with a simple implementation, which applies the rule byte by byte.
        #[test]
        fn exactly_the_shared_runs_are_hidden(
            text in proptest::collection::vec(0..3_u8, 0..60),
            secret in proptest::collection::vec(0..3_u8, 0..60),
        ) {
            let mut redaction = Redaction::of(&text);
            redaction.hide_bytes(&secret);
            let mut marked = vec![false; text.len()];
            redaction.mark(&mut marked);
            for (at, marked) in marked.into_iter().enumerate() {
                let shared = (at.saturating_sub(7)..=at).any(|from| {
                    text.get(from..from + 8).is_some_and(|run| secret.windows(8).any(|other| other == run))
                });
                prop_assert_eq!(marked, shared, "{}", at);
            }
        }
    }
}
