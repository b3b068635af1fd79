//! The books of the vault: the keys that it gave, and the ends of sessions that were reported to it. A kill leaves only
//! whole lines.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use keyway_credentials::CredentialError;

/// The file that holds the books.
#[derive(Debug)]
pub(super) struct Books(PathBuf);

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A session got a key under a lease.
    Given { session: String, lease: String, key: String },
    /// The vault was told of the end of a session.
    Ended { session: String, intent: String },
}

impl Books {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.join("rotating-books"))
    }

    /// Appends an entry, in one write. Blocks.
    pub(super) fn write(&self, entry: &Entry) -> Result<(), CredentialError> {
        let line = match entry {
            Entry::Given { session, lease, key } => format!("given {session} {lease} {key}\n"),
            Entry::Ended { session, intent } => format!("ended {session} {intent} -\n"),
        };
        let file = File::options().append(true).create(true).open(&self.0);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.map_err(|error| CredentialError::system("write its books", error))
    }

    pub(super) fn read(&self) -> Result<Vec<Entry>, String> {
        let text = if self.0.exists() {
            fs::read_to_string(&self.0).map_err(|error| error.to_string())?
        } else {
            String::new()
        };
        let entries = text.lines().map(|line| {
            let fields: Vec<_> = line.split(' ').map(str::to_owned).collect();
            match <[String; 4]>::try_from(fields) {
                Ok([kind, session, lease, key]) if kind == "given" => {
                    Ok(Entry::Given { session, lease, key })
                }
                Ok([kind, session, intent, _]) if kind == "ended" => Ok(Entry::Ended { session, intent }),
                _ => Err(format!("the books have the line {line}")),
            }
        });
        entries.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let books = Books::new(folder.path());
        assert_eq!(books.read(), Ok(Vec::new()));
        let text = |text: &str| text.to_owned();
        let given = Entry::Given { session: text("m.1"), lease: text("l-1"), key: text("SHA256:x") };
        let ended = Entry::Ended { session: text("m.1"), intent: text("i") };
        for entry in [&given, &ended] {
            books.write(entry).unwrap();
        }
        assert_eq!(books.read(), Ok(vec![given, ended]));
    }
}
