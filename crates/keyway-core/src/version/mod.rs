//! Versions of data formats.

pub(crate) mod grammar;
pub(crate) mod precedence;
#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::compile_time::Message;
use grammar::{Expected, LONGEST, ParseError, Parts};

/// A version of a plugin's data format.
///
/// See decision C1 and the Convection seed, "Metadata".
///
/// It has one to three numbers, joined by dots. After three numbers, the pre-release and build parts of Semantic
/// Versioning may follow. A version is printed as it was written: `1.0` stays `1.0`.
///
/// Versions are compared by the precedence of Semantic Versioning. Missing numbers are 0, and build parts are ignored.
/// Equality follows the same order, so `1.0` and `1.0.0` are equal (decision C2).
///
/// ```
/// use keyway_core::Version;
///
/// let version: Version = "1.0".parse()?;
/// assert_eq!(version, Version::new(1, 0, 0));
/// assert_eq!(version.to_string(), "1.0");
/// assert!(Version::parse("1.0.0-rc.2")? < Version::parse("1.0.0-rc.10")?);
/// # Ok::<(), keyway_core::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Version {
    parts: Parts,
    /// The text as it was written, if the version has a pre-release or build part. For all other versions the text is
    /// not stored, since it can be derived from the numbers.
    text: Cow<'static, str>,
}

impl Version {
    /// Creates the version `major.minor.patch`.
    pub const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self {
            parts: Parts { numbers: [major, minor, patch], components: 3, ..Parts::ZERO },
            text: Cow::Borrowed(""),
        }
    }

    /// Parses a version.
    ///
    /// # Errors
    /// [`ParseError`] names the first byte that does not fit the grammar of decision C1.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let parts = read(text)?;
        let text = if parts.has_tail() { Cow::Owned(text.to_owned()) } else { Cow::Borrowed("") };
        Ok(Self { parts, text })
    }

    /// Parses a version at compile time.
    ///
    /// ```
    /// use keyway_core::Version;
    /// const FORMAT: Version = Version::from_static("1.2.0-beta");
    /// assert_eq!(FORMAT.pre_release(), Some("beta"));
    /// ```
    ///
    /// # Panics
    /// If the text is malformed. In a `const` this is a compile error.
    #[track_caller]
    pub const fn from_static(text: &'static str) -> Self {
        match read(text) {
            Ok(parts) => Self { parts, text: Cow::Borrowed(text) },
            Err(error) => panic!("{}", Message::malformed("version", text, error).as_str()),
        }
    }

    /// Returns the first number.
    pub const fn major(&self) -> u64 {
        self.parts.numbers[0]
    }

    /// Returns the second number, or 0 if it was not written.
    pub const fn minor(&self) -> u64 {
        self.parts.numbers[1]
    }

    /// Returns the third number, or 0 if it was not written.
    pub const fn patch(&self) -> u64 {
        self.parts.numbers[2]
    }

    /// Returns the pre-release part without its `-`, if there is one.
    pub fn pre_release(&self) -> Option<&str> {
        self.parts
            .has_pre()
            .then(|| &self.text[usize::from(self.parts.tail) + 1..usize::from(self.parts.pre_end)])
    }

    /// Returns the build part without its `+`, if there is one. Comparisons ignore it.
    pub fn build(&self) -> Option<&str> {
        (self.parts.pre_end != self.parts.end)
            .then(|| &self.text[usize::from(self.parts.pre_end) + 1..usize::from(self.parts.end)])
    }

    #[inline]
    pub(crate) const fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Returns the text to which the positions in [`parts`](Self::parts) refer.
    #[inline]
    pub(crate) const fn bytes(&self) -> &[u8] {
        match &self.text {
            Cow::Borrowed(text) => text.as_bytes(),
            Cow::Owned(text) => text.as_bytes(),
        }
    }
}

/// Parses a text that consists of exactly one version.
pub(crate) const fn read(text: &str) -> Result<Parts, ParseError> {
    let bytes = text.as_bytes();
    if bytes.len() > LONGEST {
        return Err(ParseError::new(LONGEST, Expected::ShorterText));
    }
    let mut parts = Parts::ZERO;
    match grammar::version(bytes, 0, &mut parts) {
        Ok(end) if end == bytes.len() => Ok(parts),
        Ok(end) => Err(ParseError::new(end, Expected::End)),
        Err(error) => Err(error),
    }
}

/// Prints the numbers of a version, but only the components that were written: `1.2` stays `1.2`.
pub(crate) fn write_numbers(parts: &Parts, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let [major, minor, patch] = parts.numbers;
    match parts.components {
        1 => write!(f, "{major}"),
        2 => write!(f, "{major}.{minor}"),
        _ => write!(f, "{major}.{minor}.{patch}"),
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.has_tail() { f.write_str(&self.text) } else { write_numbers(&self.parts, f) }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({self})")
    }
}

impl FromStr for Version {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl Ord for Version {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        precedence::compare(&self.parts, self.bytes(), &other.parts, other.bytes())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts.numbers.hash(state);
        self.pre_release().hash(state);
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(format_args!("not a version: {error}")))
    }
}
