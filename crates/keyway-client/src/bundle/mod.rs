//! Keys and values on their way in or out: as dotenv, or as JSON.

mod dotenv;
mod error;
mod json;
mod shell_names;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs};

use keyway_core::{SecretText, Wiped};

pub use error::{BundleError, LineFault};

/// Keys and their texts, each key once, sorted by key: what is exported to or imported from
/// dotenv or JSON.
///
/// What it holds and what it writes is zeroized on drop, and so is what it makes while it
/// reads; the text that it reads is the caller's.
///
/// ```
/// use keyway_client::{Bundle};
///
/// let error = Bundle::from_dotenv("# staging\nHOST=db.internal\nexport PASSWORD='it''s'\n").unwrap_err();
/// assert!(error.to_string().starts_with("line 3: "));
///
/// let bundle = Bundle::from_dotenv("HOST=db.internal\nPASSWORD=\"costs \\$5\"\n")?;
/// assert_eq!(bundle.get("PASSWORD").unwrap().expose(), "costs $5");
/// assert_eq!(bundle.to_dotenv()?.expose(), "HOST=\"db.internal\"\nPASSWORD=\"costs \\$5\"\n");
/// # Ok::<(), keyway_client::BundleError>(())
/// ```
#[derive(Clone, Default)]
pub struct Bundle(BTreeMap<String, SecretText>);

impl Bundle {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`Duplicate`](BundleError::Duplicate) when it is there already.
    pub fn push(&mut self, key: &str, value: impl Into<SecretText>) -> Result<(), BundleError> {
        if self.0.contains_key(key) {
            return Err(BundleError::Duplicate {
                key: key.escape_debug().to_string(),
                line: None,
                first: None,
            });
        }
        self.0.insert(key.to_owned(), value.into());
        Ok(())
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&SecretText> {
        self.0.get(key)
    }

    /// All keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretText)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads dotenv: the part of it about which a POSIX shell, which sources the file, and
    /// this reader agree. What they would read differently is refused.
    ///
    /// * A line is empty, a comment (`#`), or `KEY=value`, perhaps after `export `, without
    ///   white space around the `=`. A comment may follow the value after white space.
    /// * A key is `[A-Za-z_][A-Za-z0-9_.-]*`. A shell takes no `.` and no `-`, so such a key is
    ///   read, for files of other tools, and never written.
    /// * A plain value has none of the characters that a shell or another reader of dotenv
    ///   treats specially: white space, control characters and ``"'\$`&|;<>()#~``, and after `export` also
    ///   `{}*?[]`.
    /// * Between `'` and `'` everything stands for itself, line ends too.
    /// * Between `"` and `"` a backslash stands before `"`, `\`, `$`, `` ` `` or a line end
    ///   (which both vanish); everything else but a bare `$` and `` ` `` stands for itself,
    ///   line ends too. So `"\n"` is refused: to a shell it is two characters, to other
    ///   readers a line end.
    ///
    /// # Errors
    /// They name all lines with faults, never what stands there.
    pub fn from_dotenv(text: &str) -> Result<Self, BundleError> {
        dotenv::read(text, false).map(|(bundle, _)| bundle)
    }

    /// Reads dotenv that was written for other readers than a shell, such as `URL=http://host/?a&b` without quotes. A
    /// plain value then goes to the end of the line or to a comment after white space. What these readers read
    /// differently from each other (`$`, `` ` ``, `\` and quotes inside a plain value) is refused still.
    ///
    /// # Errors
    /// As [`from_dotenv`](Self::from_dotenv).
    pub fn from_dotenv_lenient(text: &str) -> Result<LenientBundle, BundleError> {
        dotenv::read(text, true).map(|(bundle, lines)| LenientBundle { bundle, lines })
    }

    /// Reads a file: JSON if its name ends in `.json`, and else dotenv. Blocks.
    ///
    /// # Errors
    /// [`InFile`](BundleError::InFile) names the file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, BundleError> {
        let path = path.as_ref();
        let read = || {
            let bytes = fs::read(path).map_err(|error| BundleError::Unreadable(error.kind()))?;
            let bytes = Wiped::new(bytes);
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| BundleError::Unreadable(std::io::ErrorKind::InvalidData))?;
            let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
            if is_json { Self::from_json(text) } else { Self::from_dotenv(text) }
        };
        read().map_err(|source| BundleError::InFile { file: path.to_owned(), source: Box::new(source) })
    }

    /// Writes dotenv: one `KEY="value"` for each key. A POSIX shell and
    /// [`from_dotenv`](Self::from_dotenv) read the same values.
    ///
    /// # Errors
    /// [`NotDotenv`](BundleError::NotDotenv) for a key that no variable of a shell can have as its
    /// name, for one of the names that shells keep for themselves (`UID`, `RANDOM`, `_` and
    /// others; decision H74), and for a value with a NUL, which no shell can hold. It names the key,
    /// and nothing is written.
    pub fn to_dotenv(&self) -> Result<SecretText, BundleError> {
        dotenv::write(self)
    }

    /// Reads JSON: an object of texts, or a list of objects with the fields `key` and `value`
    /// as Locker's clients export it. Other fields of those are skipped. No field may stand twice
    /// in an object, because readers differ about which one counts.
    ///
    /// # Errors
    /// They name the line, the entry or the key, never a value.
    pub fn from_json(text: &str) -> Result<Self, BundleError> {
        json::read(text)
    }

    /// Writes JSON: an object of texts.
    pub fn to_json(&self) -> SecretText {
        json::write(self)
    }

    /// Whether both have the same keys and values. Not in constant time.
    pub fn same_as(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.0.iter().zip(&other.0).all(|((key, value), (other_key, other_value))| {
                key == other_key && value.expose() == other_value.expose()
            })
    }
}

/// Dotenv that the lenient reader read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LenientBundle {
    /// The keys and values.
    pub bundle: Bundle,
    /// The lines that a shell would read in another way, or not at all.
    pub lines: Vec<usize>,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|key| (key, "[REDACTED]"))).finish()
    }
}
