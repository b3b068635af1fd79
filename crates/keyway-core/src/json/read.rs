//! The reader. It exists because what it must refuse, common readers let pass: duplicate
//! names, and numbers that do not fit (decision W2); and because a value must not be left
//! behind in memory when it is copied.

use crate::{Integer, JsonTextFault, unescape_json};

use super::entries::{Entries, Text, Value};
use super::error::{JsonError, JsonFault};
use super::plain::before_end;
use super::{Float, Json, JsonKind};
use crate::Wiped;

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
/// use keyway_core::json::{Reader, JsonFault};
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
    /// How deep a text may be, unless set otherwise. Values are read, shown and dropped level by level
    /// on the stack, which no host can contain when it overflows; the contract needs five levels
    /// (decision H78).
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
        self.whole(bytes, |cursor| cursor.value().map(Json::from))
    }

    /// Reads one object into `T`. Another value is read too, because its faults come first; then the answer is its
    /// kind.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_entries<'a, T: Entries<'a>>(
        &self,
        bytes: &'a [u8],
    ) -> Result<Result<T, JsonKind>, JsonError> {
        self.whole(bytes, |cursor| match cursor.peek() {
            Some(b'{') => cursor.object().map(Ok),
            _ => cursor.value().map(|value| Err(value.kind())),
        })
    }

    fn whole<'a, T>(
        &self,
        bytes: &'a [u8],
        value: impl FnOnce(&mut Cursor<'a, '_>) -> Result<T, Fault>,
    ) -> Result<T, JsonError> {
        if bytes.len() > self.max_bytes {
            return Err(JsonError::new(self.max_bytes, JsonFault::TooLarge { limit: self.max_bytes }));
        }
        // Checked at once, because that is faster than text by text. What comes behind the
        // first byte that is not UTF-8 may still be outside of the value.
        let utf8 =
            std::str::from_utf8(bytes).or_else(|error| std::str::from_utf8(&bytes[..error.valid_up_to()]));
        let mut cursor = Cursor { reader: self, bytes, utf8: utf8.unwrap_or_default(), at: 0, depth: 0 };
        cursor.skip_space();
        let value = value(&mut cursor).map_err(|fault| *fault)?;
        if self.trailing == Trailing::Refused {
            cursor.skip_space();
            if cursor.at < bytes.len() {
                return Err(JsonError::new(cursor.at, JsonFault::Trailing));
            }
        }
        Ok(value)
    }
}

/// Within the reader an error is boxed, so that what is right takes less room to give back.
type Fault = Box<JsonError>;

struct Cursor<'a, 'r> {
    reader: &'r Reader,
    bytes: &'a [u8],
    /// The bytes up to the first that is not UTF-8.
    utf8: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Cursor<'a, '_> {
    #[cold]
    fn fault<T>(&self, fault: JsonFault) -> Result<T, Fault> {
        Err(JsonError::new(self.at, fault).into())
    }

    /// What is wrong where a value or a mark was expected.
    #[cold]
    fn unexpected<T>(&self) -> Result<T, Fault> {
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

    /// Hosts and plugins seldom write any: looked at first is whether it can be.
    #[inline]
    fn skip_space(&mut self) {
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.skip_some_space();
        }
    }

    #[inline(never)]
    fn skip_some_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn expect(&mut self, word: &[u8], value: Json) -> Result<Json, Fault> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        let same = rest.iter().zip(word).take_while(|(a, b)| a == b).count();
        self.at += same;
        self.unexpected()
    }

    /// Reads a value. It is small, so that what takes the value knows whether it is a text.
    #[inline]
    fn value(&mut self) -> Result<Value<'a>, Fault> {
        if self.peek() == Some(b'"') { self.text().map(Value::Text) } else { self.other().map(Value::Other) }
    }

    /// Reads a value that is not a text.
    #[inline(never)]
    fn other(&mut self) -> Result<Json, Fault> {
        match self.peek() {
            Some(b'{') => self.object().map(Json::Object),
            Some(b'[') => self.array(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.expect(b"true", Json::Boolean(true)),
            Some(b'f') => self.expect(b"false", Json::Boolean(false)),
            Some(b'n') => self.expect(b"null", Json::Null),
            _ => self.unexpected(),
        }
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > self.reader.max_depth {
            return self.fault(JsonFault::TooDeep { limit: self.reader.max_depth });
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// After an element: goes on behind a comma (`true`) or behind the end (`false`).
    fn more(&mut self, end: u8) -> Result<bool, Fault> {
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
            _ => self.unexpected(),
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

    fn array(&mut self) -> Result<Json, Fault> {
        self.deeper()?;
        let mut items = Vec::new();
        if self.ends_at_once(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?.into());
            if !self.more(b']')? {
                return Ok(Json::Array(items));
            }
        }
    }

    fn object<T: Entries<'a>>(&mut self) -> Result<T, Fault> {
        self.deeper()?;
        let mut entries = T::default();
        if self.ends_at_once(b'}') {
            return Ok(entries);
        }
        loop {
            let named_at = self.at;
            if self.peek() != Some(b'"') {
                return self.unexpected();
            }
            let name = self.text()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return self.unexpected();
            }
            self.at += 1;
            self.skip_space();
            let value = self.value()?;
            if let Err(name) = entries.add(name, value)
                && self.reader.duplicates == Duplicates::Refused
            {
                let name = Some(name.into());
                return Err(JsonError { at: named_at, fault: JsonFault::Duplicate, name }.into());
            }
            if !self.more(b'}')? {
                return Ok(entries);
            }
        }
    }

    /// Reads a text; stands on its opening quote. For one with escapes a buffer is made once and
    /// large enough, so that no part of a secret stays behind in one that was given up.
    fn text(&mut self) -> Result<Text<'a>, Fault> {
        let start = self.at + 1;
        let rest = self.bytes.get(start..).unwrap_or_default();
        self.at = start + before_end(rest);
        if self.peek() != Some(b'"') {
            return self.escaped(start);
        }
        let text = self.between(start)?;
        Ok(Text::Plain(text))
    }

    /// What stands from `start` to the quote that this stands on; goes behind it.
    fn between(&mut self, start: usize) -> Result<&'a str, Fault> {
        let utf8 = self.utf8;
        let text = utf8.get(start..self.at);
        self.at += 1;
        text.ok_or_else(|| JsonError::new(utf8.len(), JsonFault::NotUtf8).into())
    }

    /// Reads the rest of a text; stands on what is not plain in it.
    #[inline(never)]
    fn escaped(&mut self, start: usize) -> Result<Text<'a>, Fault> {
        loop {
            match self.peek() {
                Some(b'"') => break,
                // What the escape is shows below; here only the end is looked for.
                Some(b'\\') => self.at += 2,
                Some(_) => return self.fault(JsonFault::Control),
                None => {
                    self.at = self.bytes.len();
                    return self.fault(JsonFault::Truncated);
                }
            }
            self.at += before_end(self.bytes.get(self.at..).unwrap_or_default());
        }
        match unescape_json(self.between(start)?) {
            Ok(mut text) => Ok(Text::Resolved(Wiped::new(std::mem::take(&mut *text)))),
            Err(error) => {
                let fault = match error.fault {
                    JsonTextFault::NoEscape => JsonFault::Syntax,
                    JsonTextFault::LoneSurrogate => JsonFault::LoneSurrogate,
                };
                Err(JsonError::new(start + error.at, fault).into())
            }
        }
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { self.unexpected() } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Json, Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return self.fault(JsonFault::Syntax);
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
        number.ok_or_else(|| JsonError::new(start, JsonFault::NumberTooLarge).into())
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
