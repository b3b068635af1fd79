//! The version grammar of decision C1, written once for both compile time and run time.
//!
//! The parser is `const`, works on bytes, and writes its result to a mutable argument. No other form is as fast at run
//! time, and `register!` can use only a `const` parser.

use std::fmt;

/// The maximum length of a text that is parsed, in bytes.
///
/// See decision C1.
pub(crate) const LONGEST: usize = 1024;

/// The error for a malformed version or compatibility string: the position, and what was expected there.
///
/// See decision C1.
///
/// ```
/// use keyway_core::{Compatibility, Expected};
///
/// let error = ">=:1.0,<2.0".parse::<Compatibility>().unwrap_err();
/// assert_eq!((error.at, error.expected), (8, Expected::Colon));
/// assert_eq!(error.to_string(), "at byte 8 expected `:` between comparator and version");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParseError {
    /// The position of the first byte that does not fit, counted from 0. If the text ends too early, the position is
    /// the length of the text.
    pub at: u16,
    /// The form that was expected at that position.
    pub expected: Expected,
}

impl ParseError {
    pub(crate) const fn new(at: usize, expected: Expected) -> Self {
        // No position is beyond LONGEST, so the cast loses nothing.
        #[allow(clippy::cast_possible_truncation)]
        Self { at: at as u16, expected }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {} expected {}", self.at, self.expected.as_str())
    }
}

impl std::error::Error for ParseError {}

/// The form that was expected at the position of a [`ParseError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// One of the six comparators.
    Comparator,
    /// The colon between comparator and version.
    Colon,
    /// A decimal number of ASCII digits.
    Number,
    /// The number without its leading zero.
    NoLeadingZero,
    /// A number that fits into 64 bits.
    SmallerNumber,
    /// A third number, because pre-release and build parts need three.
    ThirdNumber,
    /// A pre-release or build identifier.
    Identifier,
    /// A comma or the end, because the clause is complete.
    CommaOrEnd,
    /// The end, because the version is complete.
    End,
    /// A text of at most 1,024 bytes.
    ShorterText,
}

impl Expected {
    /// Returns what was expected, in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Comparator => "a comparator (`>=`, `<=`, `==`, `!=`, `>` or `<`)",
            Self::Colon => "`:` between comparator and version",
            Self::Number => "a decimal number",
            Self::NoLeadingZero => "a number without leading zero",
            Self::SmallerNumber => "a number of at most 18446744073709551615",
            Self::ThirdNumber => "a third number before a pre-release or build part",
            Self::Identifier => "an identifier of `0-9 A-Z a-z -`",
            Self::CommaOrEnd => "`,` or the end after at most three numbers",
            Self::End => "the end after at most three numbers",
            Self::ShorterText => "the end: at most 1024 bytes are read",
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A parsed version. It contains positions in a text that is stored elsewhere.
///
/// The type is `Copy`, so that arrays of it can be filled at compile time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    /// Major, minor and patch. Missing numbers are 0.
    ///
    /// See decision C2.
    pub(crate) numbers: [u64; 3],
    /// The position of the first `-` or `+`, or `end` if there is none.
    pub(crate) tail: u16,
    /// The end of the pre-release, or `tail` if there is none.
    pub(crate) pre_end: u16,
    /// The end of the version.
    pub(crate) end: u16,
    /// The number of written components, 1 to 3.
    pub(crate) components: u8,
}

impl Parts {
    pub(crate) const ZERO: Self = Self { numbers: [0; 3], tail: 0, pre_end: 0, end: 0, components: 1 };

    pub(crate) const fn has_tail(&self) -> bool {
        self.tail != self.end
    }

    pub(crate) const fn has_pre(&self) -> bool {
        self.tail != self.pre_end
    }

    /// Returns the pre-release without its `-`. Empty if there is none.
    pub(crate) const fn pre<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        if self.has_pre() { between(text, self.tail as usize + 1, self.pre_end as usize) } else { &[] }
    }
}

/// Returns `&text[from..to]`. Slicing like this is not `const` yet.
const fn between(text: &[u8], from: usize, to: usize) -> &[u8] {
    text.split_at(to).0.split_at(from).1
}

/// Parses the version that begins at `at` into `parts`. Returns the position of its end.
///
/// The caller must check the text after the version.
#[allow(clippy::cast_possible_truncation)] // positions are at most LONGEST
#[inline]
pub(crate) const fn version(text: &[u8], mut at: usize, parts: &mut Parts) -> Result<usize, ParseError> {
    let mut components = 0;
    loop {
        at = match number(text, at, &mut parts.numbers[components]) {
            Ok(end) => end,
            Err(error) => return Err(error),
        };
        components += 1;
        if components == 3 || at >= text.len() || text[at] != b'.' {
            break;
        }
        at += 1;
    }
    parts.components = components as u8;
    parts.tail = at as u16;
    parts.pre_end = at as u16;
    parts.end = at as u16;
    if at < text.len() && (text[at] == b'-' || text[at] == b'+') {
        if components < 3 {
            return Err(ParseError::new(at, Expected::ThirdNumber));
        }
        return tail(text, at, parts);
    }
    Ok(at)
}

/// Parses one decimal number. Refuses a sign or leading zeros.
#[inline]
const fn number(text: &[u8], start: usize, into: &mut u64) -> Result<usize, ParseError> {
    /// Any number with at most this many digits fits into 64 bits.
    const SAFE_DIGITS: usize = 19;
    let mut at = start;
    let mut value = 0_u64;
    while at < text.len() {
        let digit = text[at].wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if at - start < SAFE_DIGITS {
            value = value * 10 + digit as u64;
        } else {
            value = match value.checked_mul(10) {
                Some(tens) => match tens.checked_add(digit as u64) {
                    Some(value) => value,
                    None => return Err(ParseError::new(start, Expected::SmallerNumber)),
                },
                None => return Err(ParseError::new(start, Expected::SmallerNumber)),
            };
        }
        at += 1;
    }
    if at == start {
        return Err(ParseError::new(start, Expected::Number));
    }
    if at - start > 1 && text[start] == b'0' {
        return Err(ParseError::new(start, Expected::NoLeadingZero));
    }
    *into = value;
    Ok(at)
}

/// Parses the pre-release and build parts of Semantic Versioning 2.0, from the `-` or `+` before them.
#[allow(clippy::cast_possible_truncation)]
#[cold]
const fn tail(text: &[u8], mut at: usize, parts: &mut Parts) -> Result<usize, ParseError> {
    if text[at] == b'-' {
        at = match identifiers(text, at + 1, true) {
            Ok(end) => end,
            Err(error) => return Err(error),
        };
        parts.pre_end = at as u16;
    }
    if at < text.len() && text[at] == b'+' {
        at = match identifiers(text, at + 1, false) {
            Ok(end) => end,
            Err(error) => return Err(error),
        };
    }
    parts.end = at as u16;
    Ok(at)
}

/// Parses identifiers that are joined by dots. If `numbers_are_plain` is set, refuses leading zeros in numeric
/// identifiers, as the grammar of a pre-release demands.
const fn identifiers(text: &[u8], mut at: usize, numbers_are_plain: bool) -> Result<usize, ParseError> {
    loop {
        let start = at;
        let mut numeric = true;
        while at < text.len() && (text[at].is_ascii_alphanumeric() || text[at] == b'-') {
            numeric &= text[at].is_ascii_digit();
            at += 1;
        }
        if at == start {
            return Err(ParseError::new(start, Expected::Identifier));
        }
        if numbers_are_plain && numeric && at - start > 1 && text[start] == b'0' {
            return Err(ParseError::new(start, Expected::NoLeadingZero));
        }
        if at >= text.len() || text[at] != b'.' {
            return Ok(at);
        }
        at += 1;
    }
}
