//! A file of another program's: read whole, replaced whole, and locked against others who
//! do the same.

mod lock;
mod path;
mod replace;

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use keyway_issuers::IssuerError;
use rustix::fs::{Mode, OFlags, openat};
use zeroize::Zeroizing;

use lock::Lock;
pub(crate) use path::FilePath;

/// What can go wrong with a file. Until it is `Uncertain`, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{} cannot be used: it is a symbolic link or no directory; configure the path without links", .0.display())]
    NotADirectory(PathBuf),
    #[error("the directory {} is not there: create it, for its owner only", .0.display())]
    NoDirectory(PathBuf),
    #[error("{} is a symbolic link or no regular file: put a regular file in its place", .0.display())]
    NotAFile(PathBuf),
    #[error("{} holds a secret and is open to others: take their rights away (chmod 600)", .0.display())]
    Exposed(PathBuf),
    #[error("{} is or would be longer than {} bytes, which is more than is read: take out what is no longer needed", .0.display(), FilePath::MAX_CONTENT_BYTES)]
    TooLong(PathBuf),
    #[error("{} is locked or changed by others for too long", .0.display())]
    Busy(PathBuf),
    #[error("could not {what} {}", .path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{} was changed, but whether the change survives a power failure is not known", .path.display())]
    Uncertain { path: PathBuf, source: io::Error },
}

impl From<FileError> for IssuerError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Uncertain { .. } => Self::system("make its change durable", error),
            FileError::Busy(_) => Self::Unavailable {
                what: "a file that the issuer writes",
                retry_after: Some(Duration::from_secs(1)),
                source: Some(error.into()),
            },
            // This variant is the one that promises that nothing happened.
            other => Self::Unavailable {
                what: "a file that the issuer needs",
                retry_after: None,
                source: Some(other.into()),
            },
        }
    }
}

/// A file as it was found.
struct Found {
    file: File,
    version: Version,
    content: Zeroizing<Vec<u8>>,
}

/// What tells whether a file is the one that was read, unchanged.
#[derive(PartialEq, Eq)]
struct Version(u64, u64, u64, (i64, i64), (i64, i64));

impl Version {
    fn of(it: &Metadata) -> Self {
        Self(it.dev(), it.ino(), it.size(), (it.mtime(), it.mtime_nsec()), (it.ctime(), it.ctime_nsec()))
    }
}

impl FilePath {
    /// The longest file that is read.
    pub(crate) const MAX_CONTENT_BYTES: usize = 16 * 1024 * 1024;
    const PATIENCE: Duration = Duration::from_secs(10);
    const ATTEMPTS: usize = 20;

    /// The content of a file that holds a secret; `None` if there is none. A file that
    /// others than its owner may read or write is refused. Blocks.
    pub(crate) fn read_secret(&self) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        let directory = self.open_directory()?;
        let Some(found) = self.find(&directory)? else { return Ok(None) };
        let metadata = found.file.metadata().map_err(|error| self.failed("ask about", error))?;
        if metadata.mode() & 0o077 != 0 {
            return Err(FileError::Exposed(self.path()));
        }
        Ok(Some(found.content))
    }

    /// Changes the file, under its lock: `edit` gets the content, `None` if there is no
    /// file, and says what it shall be, `None` if it is well as it is. A program that
    /// knows no lock may write in between; then `edit` is asked again.
    ///
    /// Mode and owner stay what they are. A new file has the owner of the directory, and
    /// `new_mode`. Blocks.
    pub(crate) fn change<T, E: From<FileError>>(
        &self,
        new_mode: u32,
        mut edit: impl FnMut(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T), E>,
    ) -> Result<T, E> {
        let directory = self.open_directory()?;
        let lock = Lock::acquire(&directory, &self.lock_name(), Self::PATIENCE)
            .map_err(|error| self.failed("lock", error))?;
        let Some(_lock) = lock else { return Err(FileError::Busy(self.path()).into()) };
        for _ in 0..Self::ATTEMPTS {
            let found = self.find(&directory)?;
            let (wanted, answer) = edit(found.as_ref().map(|found| found.content.as_slice()))?;
            let Some(wanted) = wanted else { return Ok(answer) };
            // It could not be read again.
            if wanted.len() > Self::MAX_CONTENT_BYTES {
                return Err(FileError::TooLong(self.path()).into());
            }
            if self.replace(&directory, found.as_ref(), &wanted, new_mode)? {
                return Ok(answer);
            }
        }
        Err(FileError::Busy(self.path()).into())
    }

    fn find(&self, directory: &File) -> Result<Option<Found>, FileError> {
        // Not blocking, because opening a named pipe would wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(directory, self.name(), flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::MLINK) => {
                return Err(FileError::NotAFile(self.path()));
            }
            Err(error) => return Err(self.failed("open", error.into())),
        };
        let metadata = file.metadata().map_err(|error| self.failed("ask about", error))?;
        if !metadata.is_file() {
            return Err(FileError::NotAFile(self.path()));
        }
        let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        if length > Self::MAX_CONTENT_BYTES {
            return Err(FileError::TooLong(self.path()));
        }
        // With room to spare, so that a secret is not left behind by growing.
        let mut content = Zeroizing::new(Vec::with_capacity(length + 4096));
        let limit = u64::try_from(Self::MAX_CONTENT_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        (&file).take(limit).read_to_end(&mut content).map_err(|error| self.failed("read", error))?;
        if content.len() > Self::MAX_CONTENT_BYTES {
            return Err(FileError::TooLong(self.path()));
        }
        // As it was before it was read: who writes meanwhile makes another version of it.
        Ok(Some(Found { file, version: Version::of(&metadata), content }))
    }

    fn failed(&self, what: &'static str, source: io::Error) -> FileError {
        FileError::Io { what, path: self.path(), source }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn file() -> (tempfile::TempDir, FilePath) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("f");
        (folder, FilePath::new(path.to_str().unwrap()).unwrap())
    }

    /// Puts a line at the end, and lets `meanwhile` happen after the file was read.
    fn append(file: &FilePath, mut meanwhile: impl FnMut(usize)) -> Result<usize, FileError> {
        let mut asked = 0;
        file.change(0o600, |content| {
            asked += 1;
            meanwhile(asked);
            Ok((Some([content.unwrap_or_default(), b"ours\n"].concat()), asked))
        })
    }

    #[test]
    fn what_is_written_meanwhile_is_not_lost() {
        let (_folder, file) = file();
        let write = |text: &str| {
            let mut file = File::options().append(true).create(true).open(file.path()).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        // Into a file that was not there, into one that was, and in place of one.
        let asked = append(&file, |asked| match asked {
            1 => write("first\n"),
            2 => write("second\n"),
            3 => {
                let other = file.path().with_file_name("other");
                fs::write(&other, "third\n").unwrap();
                fs::rename(other, file.path()).unwrap();
            }
            4 => fs::remove_file(file.path()).unwrap(),
            _ => {}
        });
        assert_eq!(asked.unwrap(), 5);
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "ours\n");
        let asked = append(&file, |asked| {
            if asked == 1 {
                write("theirs\n");
            }
        });
        assert_eq!(asked.unwrap(), 2);
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "ours\ntheirs\nours\n");
    }

    /// Times are as coarse as the system's clock ticks, so two changes may bear the same.
    #[test]
    fn what_is_written_meanwhile_in_the_same_moment_and_length_is_not_lost() {
        let (_folder, file) = file();
        for _ in 0..50 {
            fs::write(file.path(), "theirs, 1\n").unwrap();
            append(&file, |asked| {
                if asked == 1 {
                    let mut there = File::options().write(true).open(file.path()).unwrap();
                    there.write_all(b"theirs, 2\n").unwrap();
                }
            })
            .unwrap();
            assert_eq!(fs::read_to_string(file.path()).unwrap(), "theirs, 2\nours\n");
        }
    }

    #[test]
    fn a_file_that_never_rests_is_busy_and_nothing_is_left_behind() {
        let (folder, file) = file();
        let error = append(&file, |asked| fs::write(file.path(), "x".repeat(asked)).unwrap()).unwrap_err();
        assert!(matches!(error, FileError::Busy(_)), "{error:?}");
        assert!(IssuerError::from(error).leaves_no_effect());
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "x".repeat(FilePath::ATTEMPTS));
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".f.keyway-lock", "f"]);
    }

    #[test]
    fn what_is_too_long_is_neither_read_nor_written() {
        let (_folder, file) = file();
        let most = FilePath::MAX_CONTENT_BYTES;
        let write = |length: usize| {
            file.change(0o600, |content| {
                Ok::<_, FileError>((Some(vec![b'x'; length]), content.map(<[u8]>::len)))
            })
        };
        assert_eq!(write(most).unwrap(), None);
        assert!(matches!(write(most + 1), Err(FileError::TooLong(_))));
        assert_eq!(write(1).unwrap(), Some(most));
        File::create(file.path()).unwrap().set_len(most as u64 + 1).unwrap();
        assert!(matches!(write(1), Err(FileError::TooLong(_))));
    }

    #[test]
    fn an_error_of_the_editor_changes_nothing() {
        let (_folder, file) = file();
        fs::write(file.path(), "theirs").unwrap();
        let refused = file
            .change(0o600, |_| Err::<(Option<Vec<u8>>, ()), IssuerError>(IssuerError::refused("no", "no")));
        assert!(matches!(refused, Err(IssuerError::Refused { .. })));
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "theirs");
    }
}
