//! Makes store files, and recognizes them.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyway_files::{publish, sync_folder};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::connection::{self, failure};
use super::schema;
use crate::StorageError;
use crate::revision::Revisions;

/// "Keyw", in the header of every store file.
pub(super) const APPLICATION_ID: u32 = 0x4b65_7977;
/// The smallest page of SQLite: no database is shorter.
const LEAST_BYTES: u64 = 512;

/// Makes `path` absolute. A connection is opened when it is needed, and by then the process may have changed its
/// current folder.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, StorageError> {
    std::path::absolute(path).map_err(|error| system("find the folder of the store file", path, &error))
}

/// The caller's expectation about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// A store file must exist.
    There,
    /// No file may exist.
    Absent,
    /// A store file may exist.
    Either,
}

/// Ensures that `path` is a store file that this program may open.
pub(super) fn prepare(path: &Path, expected: Presence) -> Result<(), StorageError> {
    match fs::metadata(path) {
        Ok(_) if expected == Presence::Absent => Err(StorageError::FileExists { path: path.to_owned() }),
        Ok(metadata) if metadata.is_file() && metadata.len() < LEAST_BYTES => {
            // SQLite would treat the file as new. But a store file is complete from its first moment, and never shorter
            // than a page, so this file lost its content.
            let detail = format!("{} has only {} bytes", path.display(), metadata.len());
            Err(StorageError::Corrupt { detail })
        }
        Ok(_) => probe(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if expected == Presence::There {
                return Err(match companion(path) {
                    Some(companion) => without_its_file(&companion),
                    None => StorageError::NoFile { path: path.to_owned() },
                });
            }
            create(path, expected)?;
            // Another process may have made the file first. That process may run another program, so the file is
            // probed.
            probe(path)
        }
        Err(error) => Err(system("look at the store file", path, &error)),
    }
}

/// Checks by its header that this program may open the file, without locking, recovering or writing.
///
/// The header is read through SQLite, because closing a plain file handle would release the locks that other
/// connections of this process hold on the same file (POSIX).
fn probe(path: &Path) -> Result<(), StorageError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let header = Connection::open_with_flags(immutable_uri(path), flags).and_then(|connection| {
        let application_id: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let version: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok((application_id.cast_unsigned(), version.cast_unsigned()))
    });
    match header {
        Ok((APPLICATION_ID, found)) if found > schema::VERSION => {
            Err(StorageError::Newer { path: path.to_owned(), found, known: schema::VERSION })
        }
        Ok((APPLICATION_ID, 1..=schema::VERSION)) => Ok(()),
        Ok((APPLICATION_ID, _)) => {
            Err(StorageError::Corrupt { detail: format!("{} has no schema version", path.display()) })
        }
        Ok((application_id, _)) => Err(StorageError::Foreign { path: path.to_owned(), application_id }),
        // Without locks, a file that is growing looks cut off. The caller opens the file next: that checks the file
        // again, under a lock, and reports real damage.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => Ok(()),
        Err(error) => Err(failure("read the header of the store file", error)),
    }
}

/// Returns the path of a log beside the store file, if one exists there.
fn companion(path: &Path) -> Option<PathBuf> {
    ["-wal", "-journal"].into_iter().map(|suffix| beside(path, suffix)).find(|companion| companion.exists())
}

fn without_its_file(companion: &Path) -> StorageError {
    StorageError::Corrupt { detail: format!("{} exists without its store file", companion.display()) }
}

/// Makes a complete store file beside `path` and then renames it to `path`, unless another process took that name
/// first.
fn create(path: &Path, expected: Presence) -> Result<(), StorageError> {
    let taken = || match expected {
        Presence::Absent => Err(StorageError::FileExists { path: path.to_owned() }),
        _ => Ok(()),
    };
    if let Some(companion) = companion(path) {
        // A store file gets its name before it has companions. So if the store file exists now, another process has
        // just made and opened it.
        return if path.exists() { taken() } else { Err(without_its_file(&companion)) };
    }
    let draft = beside(path, &format!(".{:016x}.new", Revisions::new().next().to_bits()));
    let result = write_draft(&draft).and_then(|()| match publish(&draft, path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken(),
        Err(error) => Err(system("give the new store file its name", path, &error)),
    });
    let removed = fs::remove_file(&draft);
    result?;
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(system("remove the draft of the new store file", &draft, &error));
        }
        // After a rename, the draft is gone.
        _ => {}
    }
    // The path is absolute, so it has a folder.
    let folder = path.parent().unwrap_or(path);
    sync_folder(folder).map_err(|error| system("sync the folder of the store file", folder, &error))
}

fn write_draft(draft: &Path) -> Result<(), StorageError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // The handle is closed before SQLite opens the file; see `probe`.
    drop(options.open(draft).map_err(|error| system("make the store file", draft, &error))?);
    (|| {
        let connection = Connection::open_with_flags(draft, connection::FLAGS)?;
        // `probe` needs the header in the file itself, not only in the log, so the log is switched
        // on last.
        connection.execute_batch(&format!(
            "PRAGMA synchronous = FULL;
             PRAGMA fullfsync = ON;
             BEGIN IMMEDIATE;
             PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {};",
            schema::VERSION
        ))?;
        schema::create(&connection)?;
        connection.execute_batch("COMMIT")?;
        let _: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        connection.close().map_err(|(_, error)| error)
    })()
    .map_err(|error| failure("write the new store file", error))?;
    File::open(draft)
        .and_then(|file| file.sync_all())
        .map_err(|error| system("sync the new store file", draft, &error))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Formats `path` as a URI that tells SQLite to read the file without locks.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    if path.as_os_str().as_encoded_bytes().starts_with(b"/") {
        // Without this empty authority, SQLite would read an authority from a path that starts with two slashes.
        uri.push_str("//");
    }
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                uri.push(char::from(byte));
            }
            _ => {
                let _ = write!(uri, "%{byte:02x}");
            }
        }
    }
    uri.push_str("?immutable=1");
    uri
}

fn system(action: &'static str, path: &Path, error: &io::Error) -> StorageError {
    let named = io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    StorageError::Engine { action, source: Arc::new(named) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests a process that first finds no store file and then finds the log of a store, because another process has
    /// made the store in between.
    #[test]
    fn a_store_that_another_process_has_just_made_is_not_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let faster = crate::Sqlite::create(&path).unwrap();
        assert!(beside(&path, "-wal").exists());
        create(&path, Presence::Either).unwrap();
        let refused = create(&path, Presence::Absent);
        assert!(matches!(refused, Err(StorageError::FileExists { .. })), "{refused:?}");
        drop(faster);

        fs::remove_file(&path).unwrap();
        fs::write(beside(&path, "-wal"), [0; 32]).unwrap();
        assert!(
            matches!(create(&path, Presence::Either), Err(StorageError::Corrupt { .. })),
            "a log without its file is"
        );
    }
}
