//! An open file, and the content that was read from it.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::PathBuf;

use zeroize::Zeroize as _;

use crate::FileError;

/// A regular file, open for reading.
#[derive(Debug)]
pub(crate) struct Opened {
    file: File,
    metadata: Metadata,
    path: PathBuf,
}

/// The result of reading a file: its content, and its metadata, from which later changes are detected.
///
/// `Debug` does not show the content.
pub struct Found {
    content: Vec<u8>,
    metadata: Box<Metadata>,
}

impl Opened {
    /// Wraps an open file. Refuses it if it is not a regular file.
    pub(crate) fn new(file: File, path: PathBuf) -> Result<Self, FileError> {
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(Self { file, metadata, path }),
            Ok(_) => Err(FileError::NotAFile(path)),
            Err(source) => Err(FileError::Io { what: "ask about", path, source }),
        }
    }

    /// Returns the file, or an error if a user other than root and the user of this process can read or change it.
    #[cfg(unix)]
    pub(crate) fn private(self) -> Result<Self, FileError> {
        use std::os::unix::fs::MetadataExt as _;

        let (owner, mode) = (self.metadata.uid(), self.metadata.mode() & 0o7777);
        if mode & 0o077 != 0 {
            return Err(FileError::Exposed { path: self.path, mode });
        }
        // The owner of a file can change its mode at any time. So a file of another user, other than root, is refused
        // whatever its mode.
        if owner != 0 && owner != rustix::process::geteuid().as_raw() {
            return Err(FileError::ForeignOwner { path: self.path, owner });
        }
        Ok(self)
    }

    /// Accepts every file, because systems other than Unix have no owners and modes.
    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps)] // As on Unix.
    pub(crate) fn private(self) -> Result<Self, FileError> {
        Ok(self)
    }

    /// Reads the whole file, if it has at most `max_bytes`.
    pub(crate) fn read(mut self, max_bytes: usize) -> Result<Found, FileError> {
        let mut content = Vec::new();
        match self.read_into(&mut content, max_bytes) {
            // The metadata was read before the content, so a write during the read shows as a change.
            Ok(()) => Ok(Found { content, metadata: Box::new(self.metadata) }),
            Err(error) => {
                content.zeroize();
                Err(error)
            }
        }
    }

    /// Reads into `content` without leaving another copy.
    fn read_into(&mut self, content: &mut Vec<u8>, max_bytes: usize) -> Result<(), FileError> {
        let path = &self.path;
        let too_long = |bytes| FileError::TooLong { path: path.clone(), bytes, limit: max_bytes };
        let mut room = usize::try_from(self.metadata.len()).unwrap_or(usize::MAX);
        if room > max_bytes {
            return Err(too_long(self.metadata.len()));
        }
        loop {
            // The buffer has one extra byte, which is filled if the file grows.
            let filled = content.len();
            let mut larger = vec![0; room + 1];
            larger[..filled].copy_from_slice(content);
            content.zeroize();
            *content = larger;
            let length = fill(&mut self.file, &mut content[filled..])
                .map(|read| filled + read)
                .map_err(|source| FileError::Io { what: "read", path: path.clone(), source })?;
            if length <= room {
                content.truncate(length);
                return Ok(());
            }
            if room == max_bytes {
                return Err(too_long(max_bytes as u64 + 1));
            }
            room = max_bytes.min(room.saturating_mul(2).max(4096));
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl Found {
    /// Returns the contents of the file.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// Returns the contents of the file. If they are secret, the caller must put them into a type that wipes them.
    pub fn into_content(self) -> Vec<u8> {
        self.content
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Tells whether `self` and `other` were read from the same file, and the file did not change between the two
    /// reads. The content is compared too, because two writes within one tick of the clock have the same time.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        is_same_version(&self.metadata, &other.metadata) && self.content == other.content
    }
}

#[cfg(unix)]
fn is_same_version(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let version = |it: &Metadata| {
        (it.dev(), it.ino(), it.size(), (it.mtime(), it.mtime_nsec()), (it.ctime(), it.ctime_nsec()))
    };
    version(one) == version(other)
}

#[cfg(not(unix))]
fn is_same_version(one: &Metadata, other: &Metadata) -> bool {
    (one.len(), one.modified().ok()) == (other.len(), other.modified().ok())
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found").field("bytes", &self.content.len()).finish_non_exhaustive()
    }
}
