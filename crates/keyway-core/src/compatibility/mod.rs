//! Compatibility strings, which say which versions of stored data a plugin reads.

mod satisfiable;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::compile_time::Message;
use crate::version::grammar::{self, Expected, LONGEST, ParseError, Parts};
use crate::version::{Version, precedence, write_numbers};

/// A version search string such as `>=:1.0,<:2.0` (Convection seed, "Metadata").
///
/// A clause is a comparator (`>=` `<=` `==` `!=` `>` `<`), a colon and a version. Commas separate the clauses, and all
/// clauses must hold. Versions compare as [`Version`] does, with one exception: `<:2.0` also excludes the pre-releases
/// of 2.0.0. The string has no white space and at most 1,024 bytes (decisions C1 and C2).
///
/// ```
/// use keyway_core::{Compatibility, Version};
///
/// let range: Compatibility = ">=:1.0,<:2.0".parse()?;
/// assert!(range.matches(&Version::new(1, 10, 0)));
/// assert!(!range.matches(&Version::parse("2.0.0-rc.1")?));
/// assert_eq!(range.to_string(), ">=:1.0,<:2.0");
/// # Ok::<(), keyway_core::ParseError>(())
/// ```
///
/// The macro [`compatibility!`](crate::compatibility) makes a [`Compatibility`] at compile time.
#[derive(Clone)]
pub struct Compatibility {
    clauses: Cow<'static, [Clause]>,
    /// The text as it was written, if a clause has a pre-release or build part. For all other strings the text is not
    /// stored, since it can be derived from the clauses.
    text: Cow<'static, str>,
}

/// One comparator and its version. The version is stored as positions in the string's text.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Clause {
    comparator: Comparator,
    version: Parts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparator {
    AtLeast,
    AtMost,
    Equal,
    NotEqual,
    Above,
    Below,
}

impl Comparator {
    /// Returns a bit set of the orderings that the comparator allows: bit 0 is less, bit 1 equal, bit 2 greater.
    #[inline]
    const fn allowed(self) -> u8 {
        match self {
            Self::AtLeast => 0b110,
            Self::AtMost => 0b011,
            Self::Equal => 0b010,
            Self::NotEqual => 0b101,
            Self::Above => 0b100,
            Self::Below => 0b001,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Above => ">",
            Self::Below => "<",
        }
    }
}

impl Compatibility {
    /// Parses a compatibility string.
    ///
    /// Also accepts a string that no version can satisfy. See [`is_satisfiable`](Self::is_satisfiable) (decision C2).
    ///
    /// # Errors
    /// [`ParseError`] names the first byte that does not fit the grammar of decision C1.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let bytes = text.as_bytes();
        if bytes.len() > LONGEST {
            return Err(ParseError::new(LONGEST, Expected::ShorterText));
        }
        // Counting the commas is cheaper than growing the vector.
        let mut clauses = Vec::with_capacity(Clause::count(text));
        let mut at = 0;
        let mut has_tail = false;
        loop {
            let mut clause = Clause::EMPTY;
            at = clause.read(bytes, at)?;
            has_tail |= clause.version.has_tail();
            clauses.push(clause);
            if at == bytes.len() {
                break;
            }
            at += 1;
        }
        let text = if has_tail { Cow::Owned(text.to_owned()) } else { Cow::Borrowed("") };
        Ok(Self { clauses: Cow::Owned(clauses), text })
    }

    /// Tells whether `version` satisfies every clause.
    ///
    /// Allocates nothing (decision C2).
    #[inline]
    pub const fn matches(&self, version: &Version) -> bool {
        let text = self.bytes();
        let clauses = self.clauses();
        let mut index = 0;
        while index < clauses.len() {
            if !clauses[index].holds(text, version.parts(), version.bytes()) {
                return false;
            }
            index += 1;
        }
        true
    }

    /// Tells whether any version satisfies the string.
    ///
    /// The answer is exact, also for pre-releases (decision C2).
    ///
    /// ```
    /// use keyway_core::Compatibility;
    /// assert!(!Compatibility::parse(">=:2.0,<:1.0")?.is_satisfiable());
    /// assert!(!Compatibility::parse(">:1.0.0-a,<:1.0.0-a.0")?.is_satisfiable());
    /// # Ok::<(), keyway_core::ParseError>(())
    /// ```
    pub fn is_satisfiable(&self) -> bool {
        satisfiable::is_satisfiable(self)
    }

    /// Builds a value for the macros [`compatibility!`](crate::compatibility) and `register!`.
    #[doc(hidden)]
    pub const fn from_static(text: &'static str, clauses: &'static [Clause]) -> Self {
        Self { clauses: Cow::Borrowed(clauses), text: Cow::Borrowed(text) }
    }

    const fn clauses(&self) -> &[Clause] {
        match &self.clauses {
            Cow::Borrowed(clauses) => clauses,
            Cow::Owned(clauses) => clauses.as_slice(),
        }
    }

    const fn bytes(&self) -> &[u8] {
        match &self.text {
            Cow::Borrowed(text) => text.as_bytes(),
            Cow::Owned(text) => text.as_bytes(),
        }
    }
}

impl Clause {
    const EMPTY: Self = Self { comparator: Comparator::Equal, version: Parts::ZERO };

    /// Returns the number of clauses in a well-formed text. No clause contains a comma.
    #[doc(hidden)]
    pub const fn count(text: &str) -> usize {
        let bytes = text.as_bytes();
        let (mut index, mut count) = (0, 1);
        while index < bytes.len() {
            if bytes[index] == b',' {
                count += 1;
            }
            index += 1;
        }
        count
    }

    /// Parses all clauses at compile time.
    ///
    /// # Panics
    /// If the text is malformed. In a `const` this is a compile error.
    #[doc(hidden)]
    #[track_caller]
    pub const fn all<const COUNT: usize>(text: &str) -> [Self; COUNT] {
        let mut clauses = [Self::EMPTY; COUNT];
        if text.len() > LONGEST {
            let error = ParseError::new(LONGEST, Expected::ShorterText);
            panic!("{}", Message::malformed("compatibility", text, error).as_str());
        }
        let (mut index, mut at) = (0, 0);
        while index < COUNT {
            at = match clauses[index].read(text.as_bytes(), at) {
                Ok(end) => end + 1,
                Err(error) => panic!("{}", Message::malformed("compatibility", text, error).as_str()),
            };
            index += 1;
        }
        clauses
    }

    /// Parses the clause that begins at `at`. Returns the position of its end, which is a comma or the end of the text.
    #[inline]
    const fn read(&mut self, text: &[u8], at: usize) -> Result<usize, ParseError> {
        if at >= text.len() {
            return Err(ParseError::new(at, Expected::Comparator));
        }
        let equals = at + 1 < text.len() && text[at + 1] == b'=';
        let colon = at + 1 + equals as usize;
        self.comparator = match (text[at], equals) {
            (b'>', true) => Comparator::AtLeast,
            (b'>', false) => Comparator::Above,
            (b'<', true) => Comparator::AtMost,
            (b'<', false) => Comparator::Below,
            (b'=', true) => Comparator::Equal,
            (b'!', true) => Comparator::NotEqual,
            _ => return Err(ParseError::new(at, Expected::Comparator)),
        };
        if colon >= text.len() || text[colon] != b':' {
            return Err(ParseError::new(colon, Expected::Colon));
        }
        match grammar::version(text, colon + 1, &mut self.version) {
            Ok(end) if end == text.len() || text[end] == b',' => Ok(end),
            Ok(end) => Err(ParseError::new(end, Expected::CommaOrEnd)),
            Err(error) => Err(error),
        }
    }

    #[inline]
    const fn holds(&self, text: &[u8], version: &Parts, version_text: &[u8]) -> bool {
        let order = precedence::compare(version, version_text, &self.version, text);
        // Uses a bit mask, because branches on the comparator would cost more than the comparison itself.
        let holds = self.comparator.allowed() >> (order as i8 + 1) & 1 == 1;
        holds && !(matches!(self.comparator, Comparator::Below) && self.excludes_pre_release(version))
    }

    /// Tells whether the clause excludes `version` because it is a pre-release of the bound, as `<:2.0` excludes
    /// 2.0.0-rc.1.
    ///
    /// See decision C2.
    const fn excludes_pre_release(&self, version: &Parts) -> bool {
        version.has_pre() && !self.version.has_pre() && precedence::same_numbers(version, &self.version)
    }
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.text.is_empty() {
            return f.write_str(&self.text);
        }
        for (index, clause) in self.clauses().iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}:", clause.comparator.as_str())?;
            write_numbers(&clause.version, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Compatibility({self})")
    }
}

/// Compares the texts as they were written, so `>=:1.0` and `>=:1.0.0` are not equal.
impl PartialEq for Compatibility {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Compatibility {}

impl FromStr for Compatibility {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl Serialize for Compatibility {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Compatibility {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text)
            .map_err(|error| serde::de::Error::custom(format_args!("not a compatibility string: {error}")))
    }
}

/// Creates a [`Compatibility`] at compile time. A malformed string does not compile.
///
/// ```
/// use keyway_core::{Compatibility, Version, compatibility};
///
/// const RANGE: Compatibility = compatibility!(">=:1.0,<:2.0");
/// assert!(RANGE.matches(&Version::new(1, 4, 2)));
/// ```
///
/// ```compile_fail
/// const RANGE: keyway_core::Compatibility = keyway_core::compatibility!(">=1.0");
/// ```
#[macro_export]
macro_rules! compatibility {
    ($text:expr $(,)?) => {{
        const TEXT: &str = $text;
        const CLAUSES: [$crate::__private::Clause; $crate::__private::Clause::count(TEXT)] =
            $crate::__private::Clause::all(TEXT);
        $crate::Compatibility::from_static(TEXT, &CLAUSES)
    }};
}
