//! The reader. It exists because what it must refuse, common readers let pass: duplicate
//! names, and numbers that do not fit (decision W2); and because a value must not be left
//! behind in memory when it is copied.

use std::fmt;

use keyway_core::Integer;

use super::plain::before_end;
use super::{Float, Json, JsonObject};
use crate::wiped::Wiped;

/// What becomes of a name that an object has twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// The text is refused.
    Refused,
    /// The first value counts, as in the real host. Later ones are checked and dropped.
    FirstCounts,
}

/// What becomes of bytes behind the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trailing {
    /// They are refused, unless they are white space.
    Refused,
    /// They are not looked at, as in the real host.
    Ignored,
}

/// Reads JSON of RFC 8259 and nothing more: no byte order mark, no comments, no lone
/// surrogates, no raw control characters. Pure, and bounded in depth and size.
///
/// ```
/// use keyway_issuers::{Reader, JsonFault};
///
/// assert!(Reader::STRICT.read(br#"{"result":"ok"}"#).is_ok());
/// let error = Reader::STRICT.read(br#"{"result":"ok"} bye"#).unwrap_err();
/// assert_eq!((error.at, error.fault), (16, JsonFault::Trailing));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// What becomes of duplicate names.
    pub duplicates: Duplicates,
    /// What becomes of bytes behind the value.
    pub trailing: Trailing,
    /// The most bytes that a text may have.
    pub max_bytes: usize,
    /// How deep arrays and objects may lie in each other.
    pub max_depth: usize,
}

impl Reader {
    /// The most bytes that a text may have, unless set otherwise: 1 MiB (decision W7).
    pub const MAX_BYTES: usize = 1 << 20;
    /// How deep a text may be, unless set otherwise.
    pub const MAX_DEPTH: usize = 64;

    /// Refuses duplicates and trailing bytes.
    pub const STRICT: Self = Self {
        duplicates: Duplicates::Refused,
        trailing: Trailing::Refused,
        max_bytes: Self::MAX_BYTES,
        max_depth: Self::MAX_DEPTH,
    };

    /// As the real host: the first duplicate counts, trailing bytes are not looked at.
    pub const LENIENT: Self =
        Self { duplicates: Duplicates::FirstCounts, trailing: Trailing::Ignored, ..Self::STRICT };

    /// Reads one value.
    ///
    /// # Errors
    /// [`JsonError`] says where and why; it holds nothing of the text.
    pub fn read(&self, bytes: &[u8]) -> Result<Json, JsonError> {
        if bytes.len() > self.max_bytes {
            return Err(JsonError::new(self.max_bytes, JsonFault::TooLarge { limit: self.max_bytes }));
        }
        // Checked at once, because that is faster than text by text. What comes behind the
        // first byte that is not UTF-8 may still be outside of the value.
        let utf8 =
            std::str::from_utf8(bytes).or_else(|error| std::str::from_utf8(&bytes[..error.valid_up_to()]));
        let mut cursor = Cursor { reader: self, bytes, utf8: utf8.unwrap_or_default(), at: 0, depth: 0 };
        cursor.skip_space();
        let value = cursor.value()?;
        if self.trailing == Trailing::Refused {
            cursor.skip_space();
            if cursor.at < bytes.len() {
                return Err(cursor.fault(JsonFault::Trailing));
            }
        }
        Ok(value)
    }
}

/// Why a text is not the JSON that was expected.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The byte where it shows.
    pub at: usize,
    /// What is wrong there.
    pub fault: JsonFault,
    /// For a duplicate: the name. It comes from outside, and is shown in no text.
    pub(crate) name: Option<Box<str>>,
}

impl JsonError {
    fn new(at: usize, fault: JsonFault) -> Self {
        Self { at, fault, name: None }
    }
}

impl fmt::Debug for JsonError {
    /// Leaves the name out: an answer may have a secret there by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonError").field("at", &self.at).field("fault", &self.fault).finish_non_exhaustive()
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.fault, self.at)
    }
}

impl std::error::Error for JsonError {}

/// What can be wrong with a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonFault {
    /// There is nothing, or white space only.
    #[error("there is nothing: print one JSON object")]
    Empty,
    /// The text ends within a value.
    #[error("the JSON text breaks off")]
    Truncated,
    /// A byte that has no place there.
    #[error("this is not JSON")]
    Syntax,
    /// A byte order mark.
    #[error("a byte order mark: leave it out")]
    ByteOrderMark,
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// Half of a surrogate pair.
    #[error("a \\u escape is half of a surrogate pair")]
    LoneSurrogate,
    /// A raw control character within a text.
    #[error("a control character is not escaped")]
    Control,
    /// An object has a name twice.
    #[error("an object has the same name twice")]
    Duplicate,
    /// A float beyond what 64 bits can hold.
    #[error("a number is too large")]
    NumberTooLarge,
    /// Something behind the value.
    #[error("there is more behind the object: print one JSON object and nothing else")]
    Trailing,
    /// Arrays and objects lie too deep in each other.
    #[error("more than {limit} arrays and objects lie in each other")]
    TooDeep {
        /// The deepest allowed.
        limit: usize,
    },
    /// The text is too long.
    #[error("the text has more than {limit} bytes")]
    TooLarge {
        /// The most bytes allowed.
        limit: usize,
    },
}

struct Cursor<'a> {
    reader: &'a Reader,
    bytes: &'a [u8],
    /// The bytes up to the first that is not UTF-8.
    utf8: &'a str,
    at: usize,
    depth: usize,
}

impl Cursor<'_> {
    fn fault(&self, fault: JsonFault) -> JsonError {
        JsonError::new(self.at, fault)
    }

    /// What is wrong where a value or a mark was expected.
    fn unexpected(&self) -> JsonError {
        let rest = &self.bytes[self.at..];
        self.fault(match rest {
            [] if self.bytes.iter().all(|byte| is_space(*byte)) => JsonFault::Empty,
            [] => JsonFault::Truncated,
            [0xef, 0xbb, 0xbf, ..] | [0xfe, 0xff, ..] | [0xff, 0xfe, ..] => JsonFault::ByteOrderMark,
            _ => JsonFault::Syntax,
        })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn expect(&mut self, word: &[u8], value: Json) -> Result<Json, JsonError> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        let same = rest.iter().zip(word).take_while(|(a, b)| a == b).count();
        self.at += same;
        Err(self.unexpected())
    }

    fn value(&mut self) -> Result<Json, JsonError> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => Ok(Json::Text(self.text()?.into())),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.expect(b"true", Json::Boolean(true)),
            Some(b'f') => self.expect(b"false", Json::Boolean(false)),
            Some(b'n') => self.expect(b"null", Json::Null),
            _ => Err(self.unexpected()),
        }
    }

    fn deeper(&mut self) -> Result<(), JsonError> {
        self.depth += 1;
        if self.depth > self.reader.max_depth {
            return Err(self.fault(JsonFault::TooDeep { limit: self.reader.max_depth }));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// After an element: goes on behind a comma (`true`) or behind the end (`false`).
    fn more(&mut self, end: u8) -> Result<bool, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(true)
            }
            Some(byte) if byte == end => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Goes behind the end of an array or object that has no elements.
    fn ends_at_once(&mut self, end: u8) -> bool {
        let ends = self.peek() == Some(end);
        if ends {
            self.at += 1;
            self.depth -= 1;
        }
        ends
    }

    fn array(&mut self) -> Result<Json, JsonError> {
        self.deeper()?;
        let mut items = Vec::new();
        if self.ends_at_once(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            if !self.more(b']')? {
                return Ok(Json::Array(items));
            }
        }
    }

    fn object(&mut self) -> Result<Json, JsonError> {
        use std::collections::btree_map::Entry;

        self.deeper()?;
        let mut entries = JsonObject::new();
        if self.ends_at_once(b'}') {
            return Ok(Json::Object(entries));
        }
        loop {
            let named_at = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            let name = self.text()?.take();
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected());
            }
            self.at += 1;
            self.skip_space();
            let value = self.value()?;
            match entries.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(value);
                }
                Entry::Occupied(_) if self.reader.duplicates == Duplicates::FirstCounts => {}
                Entry::Occupied(there) => {
                    let name = Some(there.key().as_str().into());
                    return Err(JsonError { at: named_at, fault: JsonFault::Duplicate, name });
                }
            }
            if !self.more(b'}')? {
                return Ok(Json::Object(entries));
            }
        }
    }

    /// Reads a text; stands on its opening quote. The buffer is made once and is large
    /// enough, so that no part of a secret stays behind in one that was given up.
    fn text(&mut self) -> Result<Wiped<String>, JsonError> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain = before_end(rest);
            self.at += plain;
            match rest.get(plain) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    // What the escape is shows below; here only the end is looked for.
                    self.at += 2;
                }
                Some(_) => return Err(self.fault(JsonFault::Control)),
                None => {
                    self.at = self.bytes.len();
                    return Err(self.fault(JsonFault::Truncated));
                }
            }
        }
        let end = self.at;
        let raw =
            self.utf8.get(start..end).ok_or_else(|| JsonError::new(self.utf8.len(), JsonFault::NotUtf8))?;
        self.at = end + 1;
        if !escaped {
            return Ok(Wiped::new(raw.to_owned()));
        }
        unescape(raw, start)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return Err(self.fault(JsonFault::Syntax));
            }
        } else {
            self.digits()?;
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.utf8.get(start..self.at).unwrap_or_default();
        let number = if whole {
            Integer::parse(text).map(Json::Integer)
        } else {
            text.parse().ok().and_then(Float::new).map(Json::Float)
        };
        number.ok_or_else(|| JsonError::new(start, JsonFault::NumberTooLarge))
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Resolves the escapes of `raw`, the inside of a text that begins at byte `start`.
fn unescape(raw: &str, start: usize) -> Result<Wiped<String>, JsonError> {
    // No escape is shorter than what it stands for.
    let mut text = Wiped::new(String::with_capacity(raw.len()));
    let mut at = 0;
    while let Some(length) = raw[at..].find('\\') {
        text.push_str(&raw[at..at + length]);
        at += length;
        let escape = raw.as_bytes().get(at + 1).copied().unwrap_or_default();
        at += 2;
        text.push(match escape {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = unit(raw, at).ok_or_else(|| JsonError::new(start + at - 2, JsonFault::Syntax))?;
                let lone = || JsonError::new(start + at - 2, JsonFault::LoneSurrogate);
                let mut units = [first, 0];
                let mut used = 1;
                if (0xd800..0xdc00).contains(&first) && raw[at + 4..].starts_with("\\u") {
                    units[1] = unit(raw, at + 6).ok_or_else(lone)?;
                    used = 2;
                }
                let character = char::decode_utf16(units.into_iter().take(used)).next();
                let character = character.and_then(Result::ok).ok_or_else(lone)?;
                at += if used == 2 { 10 } else { 4 };
                character
            }
            _ => return Err(JsonError::new(start + at - 2, JsonFault::Syntax)),
        });
    }
    text.push_str(&raw[at..]);
    Ok(text)
}

/// The four hexadecimal digits at `at`.
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

    fn fault(text: &[u8]) -> (usize, JsonFault) {
        let error = Reader::STRICT.read(text).unwrap_err();
        (error.at, error.fault)
    }

    #[test]
    fn faults_are_told_apart_and_placed() {
        use JsonFault as F;
        for (text, at, expected) in [
            (&b""[..], 0, F::Empty),
            (b" \n\t", 3, F::Empty),
            (b"{\"a\":", 5, F::Truncated),
            (b"{\"a", 3, F::Truncated),
            (b"\"a\\", 3, F::Truncated),
            (b"nul", 3, F::Truncated),
            (b"nulL", 3, F::Syntax),
            (b"True", 0, F::Syntax),
            (b"{'a':1}", 1, F::Syntax),
            (b"{\"a\":1,}", 7, F::Syntax),
            (b"[1,]", 3, F::Syntax),
            (b"[1 2]", 3, F::Syntax),
            (b"{\"a\" 1}", 5, F::Syntax),
            (b"{\"a\":/*c*/1}", 5, F::Syntax),
            (b"NaN", 0, F::Syntax),
            (b"012", 1, F::Syntax),
            (b"-", 1, F::Truncated),
            (b"1.", 2, F::Truncated),
            (b"1e+", 3, F::Truncated),
            (b".5", 0, F::Syntax),
            (b"+1", 0, F::Syntax),
            (b"1e999", 0, F::NumberTooLarge),
            (b"\xef\xbb\xbf{}", 0, F::ByteOrderMark),
            (b"\xff\xfe{}", 0, F::ByteOrderMark),
            (b"\"a\xc3(\"", 2, F::NotUtf8),
            (b"\"\xed\xa0\x80\"", 1, F::NotUtf8),
            (b"\"a\nb\"", 2, F::Control),
            (b"\"\\x\"", 1, F::Syntax),
            (b"\"\\u12g4\"", 1, F::Syntax),
            (b"\"\\u12\"", 1, F::Syntax),
            (b"\"a\\ud800b\"", 2, F::LoneSurrogate),
            (b"\"\\udc00\"", 1, F::LoneSurrogate),
            (b"\"\\ud800\\ud800\"", 1, F::LoneSurrogate),
            (b"\"\\ud800\\n\"", 1, F::LoneSurrogate),
            (b"{\"a\":1,\"\\u0061\":2}", 7, F::Duplicate),
            (b"{\"a\":{\"b\":1,\"b\":1}}", 12, F::Duplicate),
            (b"{} x", 3, F::Trailing),
            (b"{}{}", 2, F::Trailing),
            (b"{}}", 2, F::Trailing),
            (b"{}\0", 2, F::Trailing),
        ] {
            assert_eq!(fault(text), (at, expected), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(Reader::STRICT.read(&nested(Reader::MAX_DEPTH)).is_ok());
        let limit = Reader::MAX_DEPTH;
        assert_eq!(fault(&nested(limit + 1)), (limit, JsonFault::TooDeep { limit }));
        assert_eq!(fault(&b"[".repeat(100_000)).1, JsonFault::TooDeep { limit });
        // Neighbours do not add up.
        let wide = format!("[{}[]]", "[],{},".repeat(200));
        assert!(Reader::STRICT.read(wide.as_bytes()).is_ok());
        let limit = Reader::MAX_BYTES;
        assert_eq!(fault(&b" ".repeat(limit + 1)).1, JsonFault::TooLarge { limit });
    }

    #[test]
    fn leniently_the_first_duplicate_counts_and_the_rest_is_not_looked_at() {
        let Json::Object(entries) = Reader::LENIENT.read(b" {\"a\":\"1\",\"a\":\"2\"} \xff{").unwrap() else {
            panic!("an object")
        };
        assert_eq!(entries.get("a").and_then(Json::as_text), Some("1"));
        // What stands before the end is still checked.
        assert!(Reader::LENIENT.read(b"{\"a\":1,\"a\":tru}").is_err());
        assert!(Reader::LENIENT.read(b"\"a\\ud800b\"").is_err());
    }

    #[test]
    fn numbers_keep_any_size_and_have_one_spelling() {
        let read = |text: &str| Reader::STRICT.read(text.as_bytes()).unwrap();
        let large = "9".repeat(400);
        assert_eq!(*read(&large).to_ascii(), large);
        assert_eq!(*read("-0").to_ascii(), *"0");
        assert_eq!(read("1e3"), Json::Float(Float::new(1000.0).unwrap()));
        assert!(Float::new(f64::NAN).is_none() && Float::new(f64::INFINITY).is_none());
    }

    #[test]
    fn errors_and_debug_show_no_value() {
        let error = Reader::STRICT.read(b"{\"needle\":\"needle\",\"needle\":1}").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("needle"), "{error:?}");
        let shown = format!("{:?}", Reader::STRICT.read(b"[\"needle\", 4242, {\"needle\": 1.5}]").unwrap());
        assert!(!shown.contains("needle") && !shown.contains("4242"), "{shown}");
    }

    /// JSON texts, mostly right ones, with some bytes changed.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"b\"",
            "\"",
            "\\",
            "\\u00e9",
            "\\ud83d\\udd11",
            "\\udc00",
            "true",
            "null",
            "0",
            "-1",
            "1.5",
            "2E-3",
            "1e",
            " ",
            "\n",
            "\u{e9}",
            "\t",
            "01",
        ]);
        prop_oneof![
            prop::collection::vec(pieces, 0..20).prop_map(|pieces| pieces.concat().into_bytes()),
            crate::wire::tests::json().prop_map(|json| json.to_ascii().as_bytes().to_vec()),
        ]
    }

    /// Whether they are the same, apart from the last digits of floats, where `serde_json` is
    /// not exact.
    fn nearly(one: &Json, other: &Json) -> bool {
        match (one, other) {
            (Json::Float(a), Json::Float(b)) => (a.get() - b.get()).abs() <= a.get().abs() * 1e-14,
            (Json::Array(a), Json::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| nearly(a, b))
            }
            (Json::Object(a), Json::Object(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|((n, a), (m, b))| n == m && nearly(a, b))
            }
            _ => one == other,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// `serde_json` is the oracle: it accepts the same, except duplicates and depth.
        #[test]
        fn it_reads_what_serde_json_reads(text in texts()) {
            let ours = Reader { duplicates: Duplicates::FirstCounts, ..Reader::STRICT }.read(&text);
            match (ours, serde_json::from_slice::<serde_json::Value>(&text)) {
                (Ok(ours), Ok(theirs)) => {
                    if Reader::STRICT.read(&text).is_ok() {
                        // Integers beyond 64 bits are where they differ by design.
                        let bounded = Json::from(theirs);
                        if !text.windows(19).any(|digits| digits.iter().all(u8::is_ascii_digit)) {
                            prop_assert!(nearly(&ours, &bounded));
                        }
                    }
                }
                (Err(_), Err(_)) => {}
                (ours, theirs) => prop_assert!(false, "ours {ours:?}, theirs {theirs:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_errors_point_into_them(bytes: Vec<u8>) {
            for reader in [Reader::STRICT, Reader::LENIENT] {
                if let Err(error) = reader.read(&bytes) {
                    prop_assert!(error.at <= bytes.len());
                }
            }
        }

        #[test]
        fn what_is_written_is_read(json in crate::wire::tests::json()) {
            let text = json.to_ascii();
            prop_assert!(text.is_ascii());
            prop_assert!(Reader::STRICT.read(text.as_bytes()).unwrap() == json);
        }
    }
}
