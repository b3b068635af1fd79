//! Sources of a host's keys.
//!
//! See decision K1.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::{Effect, ErrorKind, PluginError};
use keyway_files::FileError;

use crate::{KeyError, KeyRing};

/// A source of keys, such as a file, a callback of the host, or a ring.
///
/// A host asks for the keys of stores whenever it opens a store, so this source may return new keys later. It asks for
/// the keys of its own records once, when it starts.
#[async_trait]
pub trait KeySource: Send + Sync + fmt::Debug {
    /// Returns the current keys.
    ///
    /// # Errors
    /// [`KeySourceError`].
    ///
    /// # Cancel safety
    /// The call changes nothing, so its future may be dropped at any time.
    async fn keys(&self) -> Result<KeyRing, KeySourceError>;
}

/// Forwards to the source in the `Arc`.
#[async_trait]
impl<S: KeySource + ?Sized> KeySource for std::sync::Arc<S> {
    async fn keys(&self) -> Result<KeyRing, KeySourceError> {
        (**self).keys().await
    }
}

#[async_trait]
impl KeySource for KeyRing {
    async fn keys(&self) -> Result<KeyRing, KeySourceError> {
        Ok(self.clone())
    }
}

/// A file with one key per line, as [`KeyRing::parse_lines`] reads it.
///
/// The file is read each time. On Unix it is refused if other users may read or write it, or if its owner is
/// neither the user of this process nor root.
#[derive(Clone, Debug)]
pub struct FileKeySource {
    path: PathBuf,
}

impl FileKeySource {
    /// The largest size of a key file, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Makes a source of the file at `path`. Does no I/O.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file. Blocks for as long as one small file takes to read.
    ///
    /// # Errors
    /// [`KeySourceError`] says what is wrong with the file and what to do.
    pub fn read(&self) -> Result<KeyRing, KeySourceError> {
        let bytes = keyway_files::read_private(&self.path, Self::MAX_BYTES)
            .map_err(KeySourceError::from_file)?
            .ok_or_else(|| KeySourceError::Missing { path: self.path.clone() })?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| KeySourceError::NotText { path: self.path.clone(), at: error.valid_up_to() })?;
        KeyRing::parse_lines(text).map_err(|error| KeySourceError::Keys { path: self.path.clone(), error })
    }
}

#[async_trait]
impl KeySource for FileKeySource {
    /// Blocks for as long as one small file takes to read.
    async fn keys(&self) -> Result<KeyRing, KeySourceError> {
        self.read()
    }
}

/// A source that calls a function of the host. The function can ask a key service, a user, or a hardware module.
///
/// ```
/// use keyway_seal::{CallbackKeySource, Key, KeyRing, KeySource, KeySourceError};
///
/// let source = CallbackKeySource::new("the key service", || async {
///     // Ask for it here.
///     Key::generate().and_then(|key| KeyRing::new([key])).map_err(KeySourceError::failed)
/// });
/// # let _: Box<dyn KeySource> = Box::new(source);
/// ```
pub struct CallbackKeySource<F> {
    name: String,
    callback: F,
}

impl<F> CallbackKeySource<F> {
    /// Makes a source of `callback`, called `name` in logs.
    pub fn new(name: impl Into<String>, callback: F) -> Self {
        Self { name: name.into(), callback }
    }
}

#[async_trait]
impl<F, Answer> KeySource for CallbackKeySource<F>
where
    F: Fn() -> Answer + Send + Sync,
    Answer: Future<Output = Result<KeyRing, KeySourceError>> + Send,
{
    /// Blocks if the callback blocks, and is cancel safe if the callback is.
    async fn keys(&self) -> Result<KeyRing, KeySourceError> {
        (self.callback)().await
    }
}

impl<F> fmt::Debug for CallbackKeySource<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackKeySource").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A failure of a [`KeySource`]. It never holds any part of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeySourceError {
    /// There is no key file.
    #[error("there is no key file `{}`: create it with one key in a line, readable by its owner alone", path.display())]
    Missing {
        /// The expected path.
        path: PathBuf,
    },
    /// The path leads to a directory, a pipe or a device.
    #[error("the key file `{}` is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The key file cannot be read.
    #[error("the key file `{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        #[source]
        error: io::Error,
    },
    /// Other users may read or write the key file.
    #[error("others may read or change the key file `{0}` (mode {mode:04o}): run `chmod 600 '{0}'`, and change the keys if others may have read them", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The key file belongs to another user, who can read and change it at any time.
    #[error("the key file `{0}` belongs to the user {owner}, and neither to the user of this process nor to root: run `chown` on it, and change the keys if that user should not know them", path.display())]
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// The user that it belongs to, by number.
        owner: u32,
    },
    /// The key file is too large.
    #[error("the key file `{}` has more than {limit} bytes: is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The key file is not text.
    #[error("the key file `{}` is not text: byte {at} is not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The position of the first byte that is not text, counted from 0.
        at: usize,
    },
    /// The content of the key file is not a list of keys.
    #[error("the key file `{}` does not hold keys", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// The error, with its position.
        #[source]
        error: KeyError,
    },
    /// The source cannot be reached at the moment.
    #[error("the keys are not available at the moment: try again")]
    Unavailable {
        /// The time to wait, if known.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        error: Box<dyn Error + Send + Sync>,
    },
    /// The source failed.
    #[error("the source of the keys failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl KeySourceError {
    /// Wraps an error of a source that a retry cannot resolve. The error must not hold a secret.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }

    /// Wraps the error of a source that cannot be reached at the moment. The error must not hold a secret.
    pub fn unavailable(
        error: impl Into<Box<dyn Error + Send + Sync>>,
        retry_after: impl Into<Option<Duration>>,
    ) -> Self {
        Self::Unavailable { retry_after: retry_after.into(), error: error.into() }
    }

    fn from_file(error: FileError) -> Self {
        match error {
            FileError::NotAFile(path) => Self::NotAFile { path },
            FileError::Exposed { path, mode } => Self::Exposed { path, mode },
            FileError::ForeignOwner { path, owner } => Self::ForeignOwner { path, owner },
            FileError::TooLong { path, limit, .. } => Self::TooLarge { path, limit },
            FileError::Io { path, source, .. } => Self::Unreadable { path, error: source },
            other => Self::failed(other),
        }
    }
}

impl PluginError for KeySourceError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } => ErrorKind::NotFound,
            Self::Exposed { .. } | Self::ForeignOwner { .. } => ErrorKind::Denied,
            Self::Unreadable { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                ErrorKind::Denied
            }
            Self::Unreadable { .. } | Self::Failed(_) => ErrorKind::Internal,
            Self::NotAFile { .. } | Self::TooLarge { .. } | Self::NotText { .. } => ErrorKind::Invalid,
            Self::Keys { error, .. } => error.kind(),
            Self::Unavailable { retry_after, .. } => ErrorKind::Unavailable { retry_after: *retry_after },
        }
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::{Expected, Key};

    /// Polls a future that is ready at once, and returns its value.
    fn ready<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("a future that never waits waited"),
        }
    }

    fn key_file(content: impl AsRef<[u8]>, mode: u32) -> (tempfile::TempDir, FileKeySource) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        fs::write(&path, content).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        #[cfg(not(unix))]
        let _ = mode;
        (directory, FileKeySource::new(path))
    }

    fn text(key: &Key) -> String {
        key.expose_text().expose().to_owned()
    }

    #[test]
    fn a_file_gives_its_keys_in_order_and_anew_each_time() {
        let [one, two] = [(); 2].map(|()| Key::generate().unwrap());
        let content = format!("# the new one first\n{}\n\n{}\r\n", text(&two), text(&one));
        let (_directory, source) = key_file(content, 0o600);
        let source: Box<dyn KeySource> = Box::new(source);
        let ring = ready(source.keys()).unwrap();
        assert_eq!(ring.ids().collect::<Vec<_>>(), [two.id(), one.id()]);

        let (_directory, source) = key_file(text(&one), 0o400);
        assert_eq!(source.read().unwrap().primary_id(), one.id());
        fs::remove_file(source.path()).unwrap();
        fs::write(source.path(), text(&two)).unwrap();
        #[cfg(unix)]
        fs::set_permissions(source.path(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(source.read().unwrap().primary_id(), two.id());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_or_change_is_refused() {
        let content = text(&Key::generate().unwrap());
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777] {
            let (_directory, source) = key_file(&content, mode);
            let error = source.read().unwrap_err();
            assert!(matches!(error, KeySourceError::Exposed { mode: found, .. } if found == mode), "{error}");
            assert_eq!(error.kind(), ErrorKind::Denied);
            let message = error.to_string();
            assert!(message.contains("chmod 600") && message.contains("/keys"), "{message}");
        }
    }

    /// Needs root, because only root can give a file away.
    #[cfg(unix)]
    #[test]
    fn a_file_of_another_user_is_refused() {
        use std::io::Write as _;
        let (_directory, source) = key_file(text(&Key::generate().unwrap()), 0o600);
        if std::os::unix::fs::chown(source.path(), Some(54321), None).is_err() {
            // Reports the skip to `cargo xtask test`.
            if let Some(report) = std::env::var_os("KEYWAY_SKIP_REPORT") {
                let mut report = fs::File::options().create(true).append(true).open(report).unwrap();
                report.write_all(b"root\tkey files of others\tonly root gives files away\n").unwrap();
            }
            return;
        }
        let error = source.read().unwrap_err();
        assert!(matches!(error, KeySourceError::ForeignOwner { owner: 54321, .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Denied);
        let message = error.to_string();
        assert!(message.contains("54321") && message.contains("chown"), "{message}");
    }

    #[test]
    fn a_bad_key_file_is_refused_without_showing_its_content() {
        let good = text(&Key::generate().unwrap());
        let broken = good.replace(&good[20..22], "+/");
        let (_directory, source) = key_file(format!("{good}\n{broken}\n"), 0o600);
        let error = source.read().unwrap_err();
        assert!(
            matches!(
                &error,
                KeySourceError::Keys {
                    error: KeyError::MalformedLine { line: 2, expected: Expected::Symbol, .. },
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let shown = format!("{error} {error:?} {}", error.detail());
        assert!(shown.contains("line 2"), "{shown}");
        assert!(!shown.contains(&good[..8]) && !shown.contains(&broken[30..38]), "{shown}");

        let (_directory, source) = key_file("", 0o600);
        assert!(matches!(source.read(), Err(KeySourceError::Keys { error: KeyError::NoKeys, .. })));
        let (_directory, source) = key_file(b"# \xff", 0o600);
        assert!(matches!(source.read(), Err(KeySourceError::NotText { at: 2, .. })));
        let (_directory, source) = key_file(vec![b'#'; FileKeySource::MAX_BYTES + 1], 0o600);
        assert!(matches!(source.read(), Err(KeySourceError::TooLarge { .. })));
        let (_directory, source) = key_file(vec![b'#'; FileKeySource::MAX_BYTES], 0o600);
        assert!(matches!(source.read(), Err(KeySourceError::Keys { .. })));
    }

    #[test]
    fn a_missing_file_and_a_directory_are_different_errors() {
        let directory = tempfile::tempdir().unwrap();
        let error = FileKeySource::new(directory.path()).read().unwrap_err();
        assert!(matches!(error, KeySourceError::NotAFile { .. }), "{error}");
        let error = FileKeySource::new(directory.path().join("none")).read().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_callback_and_a_ring_are_sources() {
        let ring = KeyRing::new([Key::generate().unwrap()]).unwrap();
        let given = ring.clone();
        let sources: [Box<dyn KeySource>; 2] = [
            Box::new(ring.clone()),
            Box::new(CallbackKeySource::new("a test", move || {
                let ring = given.clone();
                async move { Ok(ring) }
            })),
        ];
        for source in sources {
            assert_eq!(ready(source.keys()).unwrap().primary_id(), ring.primary_id());
        }

        let wait = Duration::from_secs(3);
        let source = CallbackKeySource::new("a test", move || async move {
            Err(KeySourceError::unavailable("no route to the key service", wait))
        });
        let error = ready(source.keys()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable { retry_after: Some(wait) });
        assert!(error.detail().ends_with("no route to the key service"));
    }
}
