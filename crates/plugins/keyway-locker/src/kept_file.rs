//! The cache file, in which several processes share the answers of the service (decision H282).
//!
//! ```text
//! <number of the project>
//! <the project's key, encrypted as the service sent it>
//! <everything else, encrypted with keys that follow from the project's key>
//! ```
//! A reader without the secret access key learns only the size of the file and the number of the project. If another
//! program changes the file, a reader notices the change. The file is always replaced as a whole.

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyway_core::Timestamp;
use keyway_files::{FileError, Lock, Rights, SharedFile, Version};
use keyway_secrets::StoreError;

use crate::item_key::ItemKey;
use crate::kept_content::{Answers, Content, Generation, to_bytes};
use crate::profile::Profile;

/// The upper bound of the answers in a file, in bytes.
pub(crate) const MAX_ANSWERS: usize = 16 << 20;
/// The upper bound of the file, in bytes. It allows for Base64, which turns three bytes into four.
const MAX_BYTES: usize = 32 << 20;
/// The cache file of one project.
#[derive(Debug)]
pub(crate) struct KeptFile {
    path: PathBuf,
    service: String,
    profile: Profile,
    key: ItemKey,
}

/// The version of the cache file that this handle read or wrote last.
#[derive(Debug)]
pub(crate) struct Seen {
    file: SharedFile,
    version: Version,
}

/// The locked file.
#[derive(Debug)]
pub(crate) struct Locked {
    file: SharedFile,
    lock: Lock,
}

impl KeptFile {
    /// Returns the profile in a file. The key in the profile is still encrypted.
    pub(crate) fn profile_in(path: &Path) -> Option<Profile> {
        let found = open(path).ok()?.read().ok()??;
        parts(found.content()).map(|(profile, _)| profile)
    }

    pub(crate) fn new(path: &Path, service: &str, profile: Profile, project_key: &ItemKey) -> Self {
        let (path, service) = (path.to_owned(), service.to_owned());
        Self { path, service, profile, key: project_key.of_kept_answers() }
    }

    /// Tells whether the file still has the version `seen`. If `seen` is `None`, tells whether the file is still
    /// missing or cannot be opened.
    pub(crate) fn is_at(&self, seen: Option<&Seen>) -> bool {
        match seen {
            Some(seen) => seen.file.has_version(&seen.version),
            None => !open(&self.path).is_ok_and(|file| matches!(file.version(), Ok(Some(_)))),
        }
    }

    /// Reads the file. The content is `None` if the file is missing, cannot be read or is damaged, or if it was written
    /// for another project or with other keys.
    pub(crate) fn load(&self) -> (Option<Seen>, Option<Content>) {
        // The version is read before the content. If the file is replaced between these two reads, the next check of
        // the version notices it.
        let file = open(&self.path);
        let seen = file.and_then(|file| Ok(file.version()?.map(|version| Seen { file, version })));
        match seen.map(|seen| seen.map(|seen| (seen.file.read(), seen))) {
            Ok(None) | Err(FileError::NoDirectory(_)) => (None, None),
            Ok(Some((Ok(found), seen))) => {
                (Some(seen), found.and_then(|found| self.content(found.content())))
            }
            Ok(Some((Err(error), seen))) => {
                tracing::warn!("kept answers are not used: {}", error.reason());
                (Some(seen), None)
            }
            Err(error) => {
                tracing::warn!("kept answers are not used: {}", error.reason());
                (None, None)
            }
        }
    }

    fn content(&self, bytes: &[u8]) -> Option<Content> {
        let path = self.path.display();
        let Some((profile, sealed)) = parts(bytes) else {
            tracing::warn!("kept answers are not used: {path} is damaged");
            return None;
        };
        match self.key.open(sealed) {
            Ok(content) => Content::read((&self.service, self.profile.project), &content),
            Err(_) if profile == self.profile => {
                tracing::warn!("kept answers are not used: {path} is damaged");
                None
            }
            Err(_) => {
                tracing::debug!(
                    "kept answers are not used: {path} is of another project or under other keys"
                );
                None
            }
        }
    }

    /// Locks the file, and makes its folder if it is missing.
    /// Waits for at most `patience` while another process holds the lock.
    pub(crate) fn lock(&self, patience: Duration) -> Result<Locked, StoreError> {
        let locked = || {
            if let Some(folder) = self.path.parent() {
                keyway_files::make_folder(folder)?;
            }
            let file = open(&self.path)?;
            let lock = file.lock(patience)?;
            Ok(Locked { file, lock })
        };
        locked().map_err(|error| failed(&error))
    }

    /// Replaces the file durably.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] if the file cannot be replaced, or if a power failure may bring the previous file back.
    pub(crate) fn replace(
        &self,
        locked: Locked,
        generation: &Generation,
        profile_at: Timestamp,
        answers: &Answers,
    ) -> Result<Option<Seen>, StoreError> {
        let content = to_bytes((&self.service, self.profile.project), generation, profile_at, answers);
        let sealed = self.key.seal(&content)?;
        let text = format!("{}\n{}\n{sealed}\n", self.profile.project, self.profile.key);
        let replaced = || {
            let Locked { file, lock } = locked;
            let found = match file.read() {
                // The file is longer than this plugin's limit, so another program wrote it. It is removed.
                Err(FileError::TooLong { .. }) => {
                    file.remove(lock)?;
                    return Ok(None);
                }
                found => found?,
            };
            file.replace(&lock, found.as_ref(), text.as_bytes())?;
            Ok(file.version()?.map(|version| Seen { file, version }))
        };
        replaced().map_err(|error| failed(&error))
    }
}

fn open(path: &Path) -> Result<SharedFile, FileError> {
    SharedFile::resolve(path, Rights::Private, MAX_BYTES)
}

/// Splits the content of a file into the profile and the encrypted rest.
fn parts(bytes: &[u8]) -> Option<(Profile, &str)> {
    let mut lines = std::str::from_utf8(bytes).ok()?.split('\n');
    let (project, key, sealed) = (lines.next()?, lines.next()?, lines.next()?);
    Some((Profile { project: project.parse().ok()?, key: key.to_owned() }, sealed))
}

fn failed(error: &FileError) -> StoreError {
    StoreError::not_ready("the cache file", error.reason())
}
