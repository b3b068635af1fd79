//! Errors of an operation on a file.

use std::io;
use std::path::PathBuf;

/// The error of an operation on a file. Every variant except [`Indeterminate`](Self::Indeterminate) means that the file
/// is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// A component of the path is a symbolic link, or is not a directory.
    #[error("{} cannot be used: it is a symbolic link or no directory; configure the path without links", .0.display())]
    NotADirectory(PathBuf),
    /// The file's directory does not exist.
    #[error("the directory {} does not exist: create it, for its owner only", .0.display())]
    NoDirectory(PathBuf),
    /// The file, or its lock, is a symbolic link, a pipe, a directory or a device.
    #[error("{} is a symbolic link or no regular file: put a regular file in its place", .0.display())]
    NotAFile(PathBuf),
    /// The mode of a private file gives rights to users other than its owner.
    #[error("others may read or change {} (mode {mode:04o}): take their rights away (chmod 600)", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// The mode of the file.
        mode: u32,
    },
    /// A private file belongs to another user. That user can read and change it at any time.
    #[error("{} belongs to the user {owner}, and neither to the user of this process nor to root: give it to one of them (chown)", path.display())]
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// The number of the user that owns the file.
        owner: u32,
    },
    /// The file is longer than the limit, or would be after the write.
    #[error("{} has, or would have, more than {limit} bytes: remove what is no longer needed", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The length that the file has, or would get, if known.
        bytes: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Other handles, in this or another process, held the lock during the whole wait, or a program that takes no lock
    /// changed the file during every attempt. Try again later.
    #[error("{} is locked or changed by others: try again later", .0.display())]
    Busy(PathBuf),
    /// The file has changed since the caller read it: a program that takes no lock wrote it.
    #[error("{} was changed by a program that takes no lock: read it again", .0.display())]
    Changed(PathBuf),
    /// A system call failed.
    #[error("cannot {what} {}{}", path.display(), remedy(source))]
    Io {
        /// The operation; the path follows it in the message.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system call.
        source: io::Error,
    },
    /// The file was changed, but its folder could not be synced.
    #[error("{} was changed, but the change may not survive a power failure", path.display())]
    Indeterminate {
        /// The file.
        path: PathBuf,
        /// The error of the system call.
        source: io::Error,
    },
}

/// Returns the remedy for a failure that the operator can mend.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ": give the user of this process the right to do it",
        io::ErrorKind::ReadOnlyFilesystem => ": its file system is mounted read-only",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": the disk is full; free some space",
        _ => "",
    }
}

impl FileError {
    /// Tells whether the same operation may succeed later without any help. If not, an operator first has to mend the
    /// cause of the error.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Busy(_) | Self::Changed(_) => true,
            Self::Io { source, .. } => remedy(source).is_empty() && source.kind() != io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Returns the message and its cause, for an error that an operator has to mend.
    pub fn reason(&self) -> String {
        let cause = std::error::Error::source(self).map_or_else(String::new, |cause| format!(" ({cause})"));
        format!("{self}{cause}")
    }

    /// Tells whether the file is certainly unchanged.
    pub const fn leaves_no_effect(&self) -> bool {
        !matches!(self, Self::Indeterminate { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_remedy_where_there_is_one() {
        let failed = |kind: io::ErrorKind| {
            let error = FileError::Io { what: "write", path: "/f".into(), source: kind.into() };
            (error.to_string(), error.may_pass())
        };
        for (kind, message, may_pass) in [
            (io::ErrorKind::StorageFull, "cannot write /f: the disk is full; free some space", false),
            (io::ErrorKind::QuotaExceeded, "cannot write /f: the disk is full; free some space", false),
            (
                io::ErrorKind::ReadOnlyFilesystem,
                "cannot write /f: its file system is mounted read-only",
                false,
            ),
            (
                io::ErrorKind::PermissionDenied,
                "cannot write /f: give the user of this process the right to do it",
                false,
            ),
            (io::ErrorKind::Interrupted, "cannot write /f", true),
        ] {
            assert_eq!(failed(kind), (message.to_owned(), may_pass));
        }
        assert!(FileError::Busy("/f".into()).may_pass());
        assert!(!FileError::NoDirectory("/f".into()).may_pass());
    }
}
