//! Where a host gets its keys from (decision K1).

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::{ErrorKind, PluginError};
use zeroize::Zeroizing;

use crate::{KeyError, KeyRing};

/// Where keys come from: a file, a callback of the host's, a ring at hand, or whatever else
/// implements this.
///
/// A host asks whenever it opens something, so that a source may give new keys later.
#[async_trait]
pub trait KeySource: Send + Sync + fmt::Debug {
    /// The keys as of now.
    ///
    /// # Errors
    /// [`KeySourceError`] says what to do.
    ///
    /// # Cancel safety
    /// Asking changes nothing, so the future may be dropped at any time.
    async fn keys(&self) -> Result<KeyRing, KeySourceError>;
}

/// The keys that the host holds already.
#[async_trait]
impl KeySource for KeyRing {
    async fn keys(&self) -> Result<KeyRing, KeySourceError> {
        Ok(self.clone())
    }
}

/// A file with one key in a line, as [`KeyRing::parse_lines`] reads it.
///
/// The file is read anew each time. On Unix it is refused when anybody but its owner may read
/// or write it.
#[derive(Clone, Debug)]
pub struct FileKeySource {
    path: PathBuf,
}

impl FileKeySource {
    /// The most bytes that a key file may have.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Keys from the file at `path`. Does not touch it yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file. Blocks for as long as one small file takes to read.
    ///
    /// # Errors
    /// [`KeySourceError`] says what is wrong with the file and what to do.
    pub fn read(&self) -> Result<KeyRing, KeySourceError> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => KeySourceError::Missing { path: self.path.clone() },
            _ => KeySourceError::Unreadable { path: self.path.clone(), error },
        };
        // Asked before opening, because opening a named pipe would wait for its other end.
        if !std::fs::metadata(&self.path).map_err(unreadable)?.is_file() {
            return Err(KeySourceError::NotAFile { path: self.path.clone() });
        }
        let file = File::open(&self.path).map_err(unreadable)?;
        self.check_mode(&file.metadata().map_err(unreadable)?)?;

        // With all its room from the start, since a buffer that grows leaves its old self
        // behind.
        let mut bytes = Zeroizing::new(vec![0; Self::MAX_BYTES + 1]);
        let mut len = 0;
        let mut file = file;
        while len < bytes.len() {
            match file.read(&mut bytes[len..]) {
                Ok(0) => break,
                Ok(read) => len += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
        if len > Self::MAX_BYTES {
            return Err(KeySourceError::TooLarge { path: self.path.clone(), limit: Self::MAX_BYTES });
        }
        let text = std::str::from_utf8(&bytes[..len])
            .map_err(|error| KeySourceError::NotText { path: self.path.clone(), at: error.valid_up_to() })?;
        KeyRing::parse_lines(text).map_err(|error| KeySourceError::Keys { path: self.path.clone(), error })
    }

    #[cfg(unix)]
    fn check_mode(&self, metadata: &std::fs::Metadata) -> Result<(), KeySourceError> {
        use std::os::unix::fs::PermissionsExt;

        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeySourceError::Exposed { path: self.path.clone(), mode });
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn check_mode(&self, _: &std::fs::Metadata) -> Result<(), KeySourceError> {
        let _ = self;
        Ok(())
    }
}

#[async_trait]
impl KeySource for FileKeySource {
    /// Blocks for as long as one small file takes to read.
    async fn keys(&self) -> Result<KeyRing, KeySourceError> {
        self.read()
    }
}

/// Keys that a function of the host's gets: from a key service, a prompt, a hardware module.
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
    /// Keys from `callback`, whose origin is called `name` in logs.
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
    /// Blocks, and may be cancelled, as the callback does and may.
    async fn keys(&self) -> Result<KeyRing, KeySourceError> {
        (self.callback)().await
    }
}

impl<F> fmt::Debug for CallbackKeySource<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackKeySource").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a [`KeySource`] has no keys to give. Never holds any part of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeySourceError {
    /// There is no key file.
    #[error("there is no key file `{}`: create it with one key in a line, readable by its owner alone", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// What should be the key file is a directory, a pipe or a device.
    #[error("the key file `{}` is not a regular file", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// The key file cannot be read.
    #[error("the key file `{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// Others than its owner may read or write the key file.
    #[error("others may read or change the key file `{0}` (mode {mode:04o}): run `chmod 600 '{0}'`, and change the keys if somebody may have read them", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The key file is larger than any key file.
    #[error("the key file `{}` has more than {limit} bytes: is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes that are read.
        limit: usize,
    },
    /// The key file is not text.
    #[error("the key file `{}` is not text: byte {at} is not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The position of the first such byte, from 0.
        at: usize,
    },
    /// What the key file holds are not keys.
    #[error("the key file `{}` does not hold keys", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        #[source]
        error: KeyError,
    },
    /// A source cannot be reached at the moment.
    #[error("the keys cannot be got at the moment: try again")]
    Unavailable {
        /// How long to wait, if known.
        retry_after: Option<Duration>,
        /// What happened.
        #[source]
        error: Box<dyn Error + Send + Sync>,
    },
    /// A source failed.
    #[error("the keys cannot be got")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl KeySourceError {
    /// A source failed, and trying again does not help. The error must not hold a secret.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }

    /// A source cannot be reached at the moment. The error must not hold a secret.
    pub fn unavailable(
        error: impl Into<Box<dyn Error + Send + Sync>>,
        retry_after: impl Into<Option<Duration>>,
    ) -> Self {
        Self::Unavailable { retry_after: retry_after.into(), error: error.into() }
    }
}

impl PluginError for KeySourceError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } => ErrorKind::NotFound,
            Self::Exposed { .. } => ErrorKind::Denied,
            Self::Unreadable { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                ErrorKind::Denied
            }
            Self::Unreadable { .. } | Self::Failed(_) => ErrorKind::Internal,
            Self::NotAFile { .. } | Self::TooLarge { .. } | Self::NotText { .. } => ErrorKind::Invalid,
            Self::Keys { error, .. } => error.kind(),
            Self::Unavailable { retry_after, .. } => ErrorKind::Unavailable { retry_after: *retry_after },
        }
    }
}
