//! The reader of JSON.
//!
//! Keyway has its own reader for two reasons. First, duplicate names and numbers that do not fit must be refused
//! (decision W2), and common readers accept both. Second, common readers leave copies of values in memory.

use crate::{Integer, JsonTextFault, unescape_json};

use super::entries::{Entries, Text, Value};
use super::error::{JsonError, JsonFault};
use super::plain::before_end;
use super::{Float, Json, JsonKind};
use crate::Wiped;

/// How the reader treats a duplicate name in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// Refuses the text.
    Refused,
    /// Takes the first value, as WaTTS does. Later values are checked and dropped.
    FirstCounts,
}

/// How the reader treats bytes after the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trailing {
    /// Refuses the text if there are bytes other than white space.
    Refused,
    /// Ignores the bytes, as WaTTS does.
    Ignored,
}

/// A reader that accepts only JSON as RFC 8259 defines it: no byte order mark, no comments, no lone surrogates, and no
/// raw control characters.
///
/// It has no side effects. It limits the size of its input, its depth, and the number of its arrays and objects.
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
    /// How the reader treats duplicate names.
    pub duplicates: Duplicates,
    /// How the reader treats bytes after the value.
    pub trailing: Trailing,
    /// The maximum number of bytes.
    pub max_bytes: usize,
    /// The maximum nesting of arrays and objects.
    pub max_depth: usize,
    /// The maximum number of arrays and objects. In memory, one of few bytes takes a hundred times as many.
    pub max_collections: usize,
}

impl Reader {
    /// The default of `max_bytes`: 1 MiB.
    ///
    /// See decision W7.
    pub const MAX_BYTES: usize = 1 << 20;
    /// The default of `max_depth`.
    ///
    /// Values are read, shown and dropped recursively, and a host cannot recover from a stack overflow. The contract
    /// needs only five levels (decision H78).
    pub const MAX_DEPTH: usize = 64;

    /// The default of `max_collections`: 32,768. With one entry each, they take about 21 MB (decision H299).
    pub const MAX_COLLECTIONS: usize = 1 << 15;

    /// A reader that refuses duplicate names and trailing bytes.
    pub const STRICT: Self = Self {
        duplicates: Duplicates::Refused,
        trailing: Trailing::Refused,
        max_bytes: Self::MAX_BYTES,
        max_depth: Self::MAX_DEPTH,
        max_collections: Self::MAX_COLLECTIONS,
    };

    /// A reader that takes the first of duplicate names and ignores trailing bytes, as WaTTS does.
    pub const LENIENT: Self =
        Self { duplicates: Duplicates::FirstCounts, trailing: Trailing::Ignored, ..Self::STRICT };

    /// Reads one value.
    ///
    /// # Errors
    /// [`JsonError`] names the position and the fault. It contains no part of the text, except a duplicate name.
    pub fn read(&self, bytes: &[u8]) -> Result<Json, JsonError> {
        self.whole(bytes, |cursor| cursor.value().map(Json::from))
    }

    /// Reads one object into `T`.
    ///
    /// If the text is a value other than an object, returns the kind of the value as the inner error. The text is read
    /// to its end even then: a fault in the text is reported instead of the kind.
    ///
    /// # Errors
    /// The same as those of [`read`](Self::read).
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
        // Checking all bytes at once is faster than checking each text. An invalid byte is not an error yet, since it
        // may be after the value.
        let utf8 =
            std::str::from_utf8(bytes).or_else(|error| std::str::from_utf8(&bytes[..error.valid_up_to()]));
        let utf8 = utf8.unwrap_or_default();
        let mut cursor = Cursor { reader: self, bytes, utf8, at: 0, depth: 0, collections: 0 };
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

/// The error type inside the reader. It is boxed, so that a successful result takes less space.
type Fault = Box<JsonError>;

struct Cursor<'a, 'r> {
    reader: &'r Reader,
    bytes: &'a [u8],
    /// The input up to the first byte that is not UTF-8.
    utf8: &'a str,
    at: usize,
    depth: usize,
    /// The number of arrays and objects so far.
    collections: usize,
}

impl<'a> Cursor<'a, '_> {
    #[cold]
    fn fault<T>(&self, fault: JsonFault) -> Result<T, Fault> {
        Err(JsonError::new(self.at, fault).into())
    }

    /// Returns the fault at the current position, where a value or a punctuation mark was expected.
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

    /// Skips white space. Hosts and plugins seldom write any, so the first byte is checked separately.
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

    /// Reads a value. The result is small, and shows whether the value is a text.
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
        self.collections += 1;
        if self.collections > self.reader.max_collections {
            return self.fault(JsonFault::TooManyCollections { limit: self.reader.max_collections });
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// Skips the comma after an element, or `end`, the closing bracket or brace. Returns true after a comma: another
    /// element follows.
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

    /// Skips `end`, the closing bracket or brace, if it is the next byte: the array or object then has no elements.
    /// Returns whether `end` was the next byte.
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

    /// Reads a text, from its opening quote.
    ///
    /// If the text has escapes, the function allocates the buffer only once, in its full size. So no part of a secret
    /// stays in an abandoned buffer.
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

    /// Returns the text from `start` to the quote at the current position. Skips the quote.
    fn between(&mut self, start: usize) -> Result<&'a str, Fault> {
        let utf8 = self.utf8;
        let text = utf8.get(start..self.at);
        self.at += 1;
        text.ok_or_else(|| JsonError::new(utf8.len(), JsonFault::NotUtf8).into())
    }

    /// Reads the rest of a text, from the first character that is not plain.
    #[inline(never)]
    fn escaped(&mut self, start: usize) -> Result<Text<'a>, Fault> {
        loop {
            match self.peek() {
                Some(b'"') => break,
                // This loop only looks for the end of the text. Escapes are checked below.
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
