//! Imports and exports keys and values, as dotenv or as JSON.

mod dotenv;
mod error;
mod json;
mod shell_names;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::Path;

use keyway_core::{SecretText, Wiped};

pub use error::{BundleError, LineFault};

/// The content of an export or import in dotenv or JSON: keys and their texts, sorted by key. Each key occurs once.
///
/// Its content, its output, and all temporary copies are zeroized on drop. The text from which a bundle is read belongs
/// to the caller, who has to wipe it.
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
    /// The limit of a file, in bytes.
    const LONGEST_FILE: usize = 64 * 1024 * 1024;

    /// Creates an empty bundle.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`Duplicate`](BundleError::Duplicate) if the key exists already.
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

    /// Returns the value of a key, or `None` if the bundle does not have the key.
    pub fn get(&self, key: &str) -> Option<&SecretText> {
        self.0.get(key)
    }

    /// Iterates over all keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretText)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Returns the number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads dotenv. Text is refused if a POSIX shell that sources the file would read it differently.
    ///
    /// * A line is empty, a comment (`#`), or `KEY=value`, perhaps after `export `, without
    ///   white space around the `=`. A comment may follow the value after white space.
    /// * A key is `[A-Za-z_][A-Za-z0-9_.-]*`. A shell does not allow `.` and `-` in names, so such keys are never
    ///   written. They are read, because files of other tools have them.
    /// * A plain value has none of the characters that a shell or another reader of dotenv
    ///   treats specially: white space, control characters and ``"'\$`&|;<>()#~``, and after `export` also
    ///   `{}*?[]`.
    /// * Between `'` and `'` every character stands for itself, including line ends.
    /// * Between `"` and `"` a backslash may stand only before `"`, `\`, `$`, `` ` `` or a line end (which then
    ///   disappears together with the backslash). Every other character except a bare `$` and `` ` `` stands for
    ///   itself, including line ends. So `"\n"` is refused: a shell reads two characters, and other readers read a line
    ///   end.
    ///
    /// # Errors
    /// The error names all faulty lines, but none of their content.
    pub fn from_dotenv(text: &str) -> Result<Self, BundleError> {
        dotenv::read(text, false).map(|(bundle, _)| bundle)
    }

    /// Reads dotenv that was written for other readers than a shell, such as `URL=http://host/?a&b` without quotes. A
    /// plain value then ends at the end of the line, or before a comment after white space. Values about which these
    /// readers differ (those with `$`, `` ` ``, `\` or quotes) are still refused.
    ///
    /// # Errors
    /// As [`from_dotenv`](Self::from_dotenv).
    pub fn from_dotenv_lenient(text: &str) -> Result<LenientBundle, BundleError> {
        dotenv::read(text, true).map(|(bundle, lines)| LenientBundle { bundle, lines })
    }

    /// Reads a file of at most 64 MiB: JSON if its name ends in `.json`, and otherwise dotenv. The file may be a pipe,
    /// such as `/dev/fd/63`. Blocks.
    ///
    /// # Errors
    /// [`InFile`](BundleError::InFile) names the file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, BundleError> {
        let path = path.as_ref();
        let read = || {
            let bytes = File::open(path).and_then(|file| Wiped::read_to_end(file, Self::LONGEST_FILE + 1));
            let bytes = bytes.map_err(|error| BundleError::Unreadable(error.kind()))?;
            if bytes.len() > Self::LONGEST_FILE {
                return Err(BundleError::TooLong { limit: Self::LONGEST_FILE });
            }
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
    /// [`NotDotenv`](BundleError::NotDotenv) names the key, and nothing is written. This method refuses a key that is
    /// not a valid name of a shell variable, a name that shells use themselves (`UID`, `RANDOM`, `_` and others;
    /// decision H74), and a value with a NUL, which no shell can hold.
    pub fn to_dotenv(&self) -> Result<SecretText, BundleError> {
        dotenv::write(self)
    }

    /// Reads JSON: an object of texts, or a list of objects with the fields `key` and `value` as
    /// Locker's clients export it. Other fields are skipped. No field may occur twice in an object,
    /// because readers differ about which one counts.
    ///
    /// # Errors
    /// The error names the line, the entry or the key, never a value.
    pub fn from_json(text: &str) -> Result<Self, BundleError> {
        json::read(text)
    }

    /// Writes JSON: an object of texts.
    pub fn to_json(&self) -> SecretText {
        json::write(self)
    }

    /// Tells whether two bundles have the same keys and values. The comparison does not take constant time.
    pub fn same_as(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.0.iter().zip(&other.0).all(|((key, value), (other_key, other_value))| {
                key == other_key && value.expose() == other_value.expose()
            })
    }
}

/// The result of the lenient reader.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LenientBundle {
    /// The keys and values.
    pub bundle: Bundle,
    /// The lines that a shell would read differently, or not at all.
    pub lines: Vec<usize>,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|key| (key, "[REDACTED]"))).finish()
    }
}
