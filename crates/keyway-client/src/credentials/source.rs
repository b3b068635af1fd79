//! The source of each field of the credentials.

use std::fmt;
use std::path::{Path, PathBuf};

use keyway_core::SecretText;
use keyway_files::FileError;
use zeroize::Zeroizing;

use super::{Credentials, CredentialsError, DEFAULT_API_BASE, ini};

/// Looks up a variable of an environment.
type Lookup<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

/// The sources of each field: an explicit value, else the environment, else the file.
///
/// A blank field counts as missing (decision L7).
///
/// | field | environment | file |
/// | --- | --- | --- |
/// | access key ID | `LOCKER_ACCESS_KEY_ID`, `ACCESS_KEY_ID` | `access_key_id` |
/// | secret access key | `LOCKER_SECRET_ACCESS_KEY`, `SECRET_ACCESS_KEY`, `LOCKER_ACCESS_KEY_SECRET`, `ACCESS_KEY_SECRET` | `secret_access_key` |
/// | address of the service | `LOCKER_API_BASE` | `api_base` |
/// | the program that talks to it | `LOCKER_CLI_PATH` | |
///
/// The environment is a function, so that tests need not change the environment of the process. The file has lines
/// `name = value`, at its beginning or under `[default]`. Other sections and lines that begin with `#` or `;` are
/// skipped.
#[must_use]
#[derive(Default)]
pub struct CredentialsSource<'a> {
    access_key_id: Option<SecretText>,
    secret_access_key: Option<SecretText>,
    api_base: Option<String>,
    program: Option<PathBuf>,
    environment: Option<Lookup<'a>>,
    file: Option<File>,
}

enum File {
    At(PathBuf),
    InHome,
}

const ID: [&str; 2] = ["LOCKER_ACCESS_KEY_ID", "ACCESS_KEY_ID"];
const KEY: [&str; 4] =
    ["LOCKER_SECRET_ACCESS_KEY", "SECRET_ACCESS_KEY", "LOCKER_ACCESS_KEY_SECRET", "ACCESS_KEY_SECRET"];
const API_BASE: [&str; 1] = ["LOCKER_API_BASE"];
const PROGRAM: [&str; 1] = ["LOCKER_CLI_PATH"];

pub(super) fn missing_id() -> CredentialsError {
    CredentialsError::Missing { field: "access key ID", variable: ID[0] }
}

pub(super) fn missing_key() -> CredentialsError {
    CredentialsError::Missing { field: "secret access key", variable: KEY[0] }
}

impl<'a> CredentialsSource<'a> {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Sets the access key ID.
    pub fn access_key_id(mut self, id: impl Into<SecretText>) -> Self {
        self.access_key_id = Some(id.into());
        self
    }

    /// Sets the secret access key.
    pub fn secret_access_key(mut self, key: impl Into<SecretText>) -> Self {
        self.secret_access_key = Some(key.into());
        self
    }

    /// Sets the service's address.
    pub fn api_base(mut self, base: impl Into<String>) -> Self {
        self.api_base = Some(base.into());
        self
    }

    /// Sets the program that talks to the service.
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = Some(path.into());
        self
    }

    /// Adds an environment as a source.
    pub fn environment(mut self, lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        self.environment = Some(Box::new(lookup));
        self
    }

    /// Adds the environment of this process as a source. Values that are not UTF-8 count as
    /// missing.
    pub fn process_environment(self) -> Self {
        self.environment(|name| std::env::var(name).ok())
    }

    /// Adds a file as a source. A missing file counts as empty.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(File::At(path.into()));
        self
    }

    /// Adds `.locker/credentials` in the home directory as a source.
    ///
    /// The home directory is `HOME`, or on Windows `USERPROFILE`, of the environment that was set.
    pub fn home_file(mut self) -> Self {
        self.file = Some(File::InHome);
        self
    }

    /// Reads all sources, field by field.
    ///
    /// The file is opened only if the earlier sources lack a field that a file can have. If they have all these fields,
    /// the file need not be valid (decision L7).
    ///
    /// # Errors
    /// [`Missing`](CredentialsError::Missing) for a key that no source has. For the file
    /// [`ReadableByOthers`](CredentialsError::ReadableByOthers) and [`ForeignOwner`](CredentialsError::ForeignOwner)
    /// (on Unix), [`Syntax`](CredentialsError::Syntax) and [`Unreadable`](CredentialsError::Unreadable).
    pub fn resolve(self) -> Result<Credentials, CredentialsError> {
        let id = self.access_key_id.clone().filter(is_set).or_else(|| self.variable(&ID));
        let key = self.secret_access_key.clone().filter(is_set).or_else(|| self.variable(&KEY));
        let base = self.api_base.clone().filter(|base| !base.trim().is_empty());
        let base = base.or_else(|| self.plain_variable(&API_BASE));
        let program = self.program.clone().filter(|path| !path.as_os_str().is_empty());
        let program = program.or_else(|| self.plain_variable(&PROGRAM).map(PathBuf::from));
        let file = if id.is_some() && key.is_some() && base.is_some() { None } else { self.read_file()? };
        let mut file = file.unwrap_or_default();
        let base = base.or(file.api_base);
        Ok(Credentials {
            access_key_id: id.or(file.access_key_id.take()).ok_or_else(missing_id)?,
            secret_access_key: key.or(file.secret_access_key.take()).ok_or_else(missing_key)?,
            api_base: without_slash(base.as_deref().unwrap_or(DEFAULT_API_BASE)).to_owned(),
            program,
        })
    }

    fn variable(&self, names: &[&str]) -> Option<SecretText> {
        let lookup = self.environment.as_ref()?;
        names.iter().find_map(|name| lookup(name).map(SecretText::from).filter(is_set))
    }

    fn plain_variable(&self, names: &[&str]) -> Option<String> {
        self.variable(names).map(|value| value.expose().to_owned())
    }

    fn read_file(&self) -> Result<Option<ini::Fields>, CredentialsError> {
        let path = match &self.file {
            None => return Ok(None),
            Some(File::At(path)) => path.clone(),
            Some(File::InHome) => match self.plain_variable(&["HOME", "USERPROFILE"]) {
                Some(home) => Path::new(&home).join(".locker").join("credentials"),
                None => return Ok(None),
            },
        };
        let Some(content) = read_private(&path)? else { return Ok(None) };
        // The error names the position, and does not repeat the text.
        let text = std::str::from_utf8(&content).map_err(|error| unreadable(&path, error))?;
        ini::parse(text).map(Some).map_err(|ini::Fault { line, reason }| CredentialsError::Syntax {
            path,
            line,
            reason,
        })
    }
}

impl fmt::Debug for CredentialsSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsSource")
            .field("api_base", &self.api_base)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

fn is_set(value: &SecretText) -> bool {
    !value.expose().trim().is_empty()
}

fn without_slash(base: &str) -> &str {
    base.strip_suffix('/').unwrap_or(base)
}

/// Reads a file that only its owner may read, or returns `None` if it does not exist.
fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, CredentialsError> {
    /// The greatest size of a file in bytes. Credentials have only a few lines, so a larger file is something else.
    const LARGEST: usize = 64 * 1024;
    keyway_files::read_private(path, LARGEST).map_err(|error| match error {
        FileError::Exposed { path, mode } => CredentialsError::ReadableByOthers { path, mode },
        FileError::ForeignOwner { path, owner } => CredentialsError::ForeignOwner { path, owner },
        FileError::Io { path, source, .. } => CredentialsError::Unreadable { path, source },
        other => unreadable(path, other),
    })
}

fn unreadable(path: &Path, reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CredentialsError {
    let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, reason);
    CredentialsError::Unreadable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use keyway_core::PluginError as _;

    use super::*;

    fn resolved(source: CredentialsSource<'_>) -> Result<[String; 3], CredentialsError> {
        let credentials = source.resolve()?;
        Ok([credentials.access_key_id(), credentials.secret_access_key()]
            .map(|key| key.expose().to_owned())
            .into_iter()
            .chain([credentials.api_base().to_owned()])
            .collect::<Vec<_>>()
            .try_into()
            .unwrap())
    }

    fn from(pairs: &'static [(&str, &str)]) -> CredentialsSource<'static> {
        CredentialsSource::new().environment(|name| {
            pairs.iter().find(|(there, _)| *there == name).map(|(_, value)| (*value).to_owned())
        })
    }

    /// Writes a file that only its owner may read.
    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    const BASE: &str = DEFAULT_API_BASE;

    #[test]
    fn the_first_name_that_is_not_blank_counts() {
        for (pairs, id, key, base) in [
            (&[("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "s")][..], "a", "s", BASE),
            (
                &[("ACCESS_KEY_ID", "a"), ("LOCKER_ACCESS_KEY_ID", "n"), ("SECRET_ACCESS_KEY", "s")],
                "n",
                "s",
                BASE,
            ),
            (
                &[("ACCESS_KEY_ID", "a"), ("LOCKER_ACCESS_KEY_ID", " "), ("SECRET_ACCESS_KEY", "s")],
                "a",
                "s",
                BASE,
            ),
            (&[("ACCESS_KEY_ID", "a"), ("ACCESS_KEY_SECRET", "o")], "a", "o", BASE),
            (
                &[("ACCESS_KEY_ID", "a"), ("LOCKER_ACCESS_KEY_SECRET", "l"), ("SECRET_ACCESS_KEY", "s")],
                "a",
                "s",
                BASE,
            ),
            (
                &[("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "s"), ("LOCKER_API_BASE", "https://e/")],
                "a",
                "s",
                "https://e",
            ),
        ] {
            assert_eq!(resolved(from(pairs)).unwrap(), [id, key, base]);
        }
        assert!(matches!(
            resolved(from(&[("ACCESS_KEY_ID", "a")])),
            Err(CredentialsError::Missing { variable: "LOCKER_SECRET_ACCESS_KEY", .. })
        ));
        assert!(matches!(
            resolved(from(&[])),
            Err(CredentialsError::Missing { variable: "LOCKER_ACCESS_KEY_ID", .. })
        ));
    }

    #[test]
    fn each_field_comes_from_the_first_place_that_has_it() {
        let file = file("access_key_id = file id\nsecret_access_key = file key\napi_base = https://file/\n");
        let pairs = &[("ACCESS_KEY_ID", "environment id"), ("LOCKER_CLI_PATH", "/x")];
        let source = || from(pairs).file(file.path());
        assert_eq!(resolved(source()).unwrap(), ["environment id", "file key", "https://file"]);
        let only_the_base = source().access_key_id("i").secret_access_key("k");
        assert_eq!(resolved(only_the_base).unwrap(), ["i", "k", "https://file"]);
        let explicit = source().access_key_id("explicit id").api_base("https://explicit/");
        assert_eq!(resolved(explicit).unwrap(), ["explicit id", "file key", "https://explicit"]);
        let blank = source().access_key_id(" ").api_base("");
        assert_eq!(resolved(blank).unwrap(), ["environment id", "file key", "https://file"]);
        assert_eq!(source().resolve().unwrap().program(), Some(Path::new("/x")));
        assert_eq!(source().program("/y").resolve().unwrap().program(), Some(Path::new("/y")));
        assert!(!format!("{:?}{:?}", source(), source().resolve().unwrap()).contains("file key"));
    }

    #[test]
    fn the_home_directory_is_that_of_the_lent_environment() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap().to_owned();
        let source = || {
            CredentialsSource::new().environment(|name| (name == "HOME").then(|| path.clone())).home_file()
        };
        assert!(
            matches!(resolved(source()), Err(CredentialsError::Missing { .. })),
            "no file is an empty one"
        );
        let folder = home.path().join(".locker");
        std::fs::create_dir(&folder).unwrap();
        let file = file("[default]\naccess_key_id=a\nsecret_access_key=s\n");
        std::fs::rename(file.path(), folder.join("credentials")).unwrap();
        assert_eq!(resolved(source()).unwrap(), ["a", "s", BASE]);
    }

    /// Checks a home that is not a folder. Services often have such a home.
    #[test]
    #[cfg(unix)]
    fn a_home_that_is_no_folder_has_no_file() {
        let not_a_folder = file("");
        for home in ["/dev/null", not_a_folder.path().to_str().unwrap()] {
            let keys = |name: &str| match name {
                "HOME" => Some(home.to_owned()),
                "ACCESS_KEY_ID" | "SECRET_ACCESS_KEY" => Some("x".to_owned()),
                _ => None,
            };
            let source = CredentialsSource::new().environment(keys).home_file();
            assert_eq!(resolved(source).expect(home), ["x", "x", BASE]);
        }
        let within = not_a_folder.path().join("a").join("b");
        let error = resolved(CredentialsSource::new().file(within)).unwrap_err();
        assert!(matches!(error, CredentialsError::Missing { .. }), "{error:?}");
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = file("access_key_id=a\nsecret_access_key=s\n");
        for mode in [0o640, 0o604, 0o620, 0o644, 0o601] {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            let error = resolved(CredentialsSource::new().file(file.path())).unwrap_err();
            assert!(matches!(error, CredentialsError::ReadableByOthers { mode: found, .. } if found == mode));
            assert!(error.to_string().contains("chmod 600"), "{error}");
            // A file that no field needs is not read, so it need not be valid. The base address is a field too.
            let keys = || CredentialsSource::new().access_key_id("a").secret_access_key("s");
            assert!(resolved(keys().file(file.path())).is_err());
            assert!(resolved(keys().api_base("https://b").file(file.path())).is_ok());
        }
        for mode in [0o600, 0o400] {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(resolved(CredentialsSource::new().file(file.path())).is_ok());
        }
    }

    /// Checks that a file of another user is refused. Only root can give a file away, so the test is skipped for other
    /// users.
    #[test]
    #[cfg(unix)]
    fn a_file_of_another_user_is_refused() {
        use std::io::Write as _;
        let file = file("access_key_id=a\nsecret_access_key=s\n");
        if std::os::unix::fs::chown(file.path(), Some(54321), None).is_err() {
            // Reports the skip to `cargo xtask test`.
            if let Some(report) = std::env::var_os("KEYWAY_SKIP_REPORT") {
                let mut report = std::fs::File::options().create(true).append(true).open(report).unwrap();
                report.write_all(b"root\tcredentials of others\tonly root gives files away\n").unwrap();
            }
            return;
        }
        let error = resolved(CredentialsSource::new().file(file.path())).unwrap_err();
        assert!(matches!(error, CredentialsError::ForeignOwner { owner: 54321, .. }), "{error:?}");
        assert!(error.to_string().contains("chown"), "{error}");
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_and_not_cut() {
        let key = "access_key_id=a\nsecret_access_key=s";
        // The size limit is in the middle of the key, and the first half of the key would be a valid key too.
        let comments = format!("{}\n", "#".repeat(64 * 1024 - key.len()));
        let large = file(&format!("{comments}{key}econd-half\n"));
        let error = resolved(CredentialsSource::new().file(large.path())).unwrap_err();
        assert!(matches!(error, CredentialsError::Unreadable { .. }), "{error:?}");
        assert!(error.detail().contains("65536 bytes"), "{}", error.detail());
        let largest = file(&format!("{}\n{key}", "#".repeat(64 * 1024 - key.len() - 1)));
        assert_eq!(resolved(CredentialsSource::new().file(largest.path())).unwrap()[..2], ["a", "s"]);
    }

    #[test]
    #[cfg(unix)]
    fn a_reader_does_not_wait_for_the_other_end_of_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        let made = std::process::Command::new("mkfifo").arg("-m").arg("600").arg(&path).status();
        assert!(made.unwrap().success());
        let (sender, receiver) = std::sync::mpsc::channel();
        // If the call hangs, the thread ends with the process.
        std::thread::spawn(move || sender.send(resolved(CredentialsSource::new().file(path)).unwrap_err()));
        let error = receiver.recv_timeout(std::time::Duration::from_secs(5)).expect("it waits");
        assert!(matches!(error, CredentialsError::Unreadable { .. }), "{error:?}");
        assert!(error.detail().contains("regular file"), "{}", error.detail());
    }

    #[test]
    fn an_error_in_a_file_names_the_line_and_no_key() {
        let file = file("access_key_id=a\nn33dle\n");
        let error = resolved(CredentialsSource::new().file(file.path())).unwrap_err();
        assert!(matches!(error, CredentialsError::Syntax { line: 2, .. }));
        assert!(!format!("{error} {error:?}").contains("n33dle"));
        let folder = resolved(CredentialsSource::new().file(std::env::temp_dir())).unwrap_err();
        let refused =
            matches!(folder, CredentialsError::ReadableByOthers { .. } | CredentialsError::Unreadable { .. });
        assert!(refused, "{folder:?}");
    }
}
