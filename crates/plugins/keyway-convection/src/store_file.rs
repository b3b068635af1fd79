//! The three protected hooks on a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use keyway_core::{PluginMetadata, Structured, Table};
use keyway_seal::{Choice, KeyRing};
use keyway_secrets::{Access, Document, DocumentHooks, StoreError};

use crate::file::{self, FileLock, Paths};
use crate::{format, settings};

/// How long a writer waits for the writers of other processes.
const PATIENCE: Duration = Duration::from_secs(10);

const FILE: &str = "the store file";

/// A store file: one Fernet token of one TOML document.
#[derive(Debug)]
pub(crate) struct StoreFile {
    path: PathBuf,
    metadata: PluginMetadata,
    initial_settings: Table,
    choice: Choice,
    cycle: Mutex<Cycle>,
}

/// What has happened since the last `close`.
#[derive(Debug)]
enum Cycle {
    /// Nothing that a write may follow.
    Looking,
    /// Read to be changed, and there was no file.
    New(Paths),
    /// Read to be changed, under the lock.
    Locked { paths: Paths, lock: FileLock, read: Option<Stamp> },
}

impl StoreFile {
    pub(crate) fn new(
        path: PathBuf,
        metadata: PluginMetadata,
        initial_settings: Table,
        choice: Choice,
    ) -> Self {
        Self { path, metadata, initial_settings, choice, cycle: Mutex::new(Cycle::Looking) }
    }

    fn cycle(&self) -> MutexGuard<'_, Cycle> {
        // A cycle is one value, set in one step: a panic elsewhere leaves it whole.
        self.cycle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, token: &[u8], keys: &KeyRing) -> Result<Document, StoreError> {
        let plaintext = keys.open(token).map_err(|error| StoreError::from_open(FILE, &error))?;
        let text = std::str::from_utf8(&plaintext).map_err(|error| {
            StoreError::corrupt(FILE, format!("its text is not UTF-8 after byte {}", error.valid_up_to()))
        })?;
        format::parse(text).or_else(|error| match error.written_by() {
            // Another version may arrange its files in another way. Who wrote it is all
            // that is looked at then (decision C4).
            Some(written) if self.metadata.check(written).is_err() => {
                Ok(Document::empty(written.clone(), Table::new()))
            }
            _ => Err(StoreError::corrupt(FILE, error.to_string())),
        })
    }

    fn seal(&self, document: &Document, keys: &KeyRing) -> Result<String, StoreError> {
        let text = format::print(document, &self.metadata)
            .map_err(|error| StoreError::invalid("a value", error.to_string()))?;
        keys.seal_with(self.choice, text.as_bytes()).map(|(token, _)| token).map_err(StoreError::from_seal)
    }
}

#[async_trait]
impl DocumentHooks for StoreFile {
    fn metadata(&self) -> &PluginMetadata {
        &self.metadata
    }

    fn blocking(&self) -> bool {
        true
    }

    fn initial_settings(&self) -> Table {
        self.initial_settings.clone()
    }

    fn check_settings(&self, settings: &Table) -> Result<(), StoreError> {
        settings::check(settings)
    }

    fn check_value(&self, value: &Structured) -> Result<(), StoreError> {
        format::check_value(value).map_err(|error| StoreError::invalid("the value", error.to_string()))
    }

    async fn read(&self, keys: &KeyRing, access: Access) -> Result<Option<Document>, StoreError> {
        let reading = |error| StoreError::system("read the store file", error);
        let token = match access {
            Access::Read => file::read(&self.path).map_err(reading)?,
            Access::Update => {
                let paths = Paths::of(&self.path).map_err(reading)?;
                if file::read(&paths.file).map_err(reading)?.is_none() {
                    // Nothing is touched: a lock file would already be something.
                    *self.cycle() = Cycle::New(paths);
                    return Ok(None);
                }
                let lock = lock(&paths)?;
                let read = Stamp::of(&paths.file).map_err(reading)?;
                let token = file::read(&paths.file).map_err(reading)?;
                *self.cycle() = Cycle::Locked { paths, lock, read };
                token
            }
        };
        token.map(|token| self.open(&token, keys)).transpose()
    }

    async fn write(&self, document: &Document, keys: &KeyRing) -> Result<(), StoreError> {
        let token = self.seal(document, keys)?;
        let writing = |error| StoreError::system("write the store file", error);
        match &*self.cycle() {
            Cycle::Looking => Err(StoreError::ContractViolation {
                operation: "write",
                violation: "it did not follow a read to update".to_owned(),
            }),
            Cycle::New(paths) => {
                make_directory(&paths.directory)
                    .map_err(|error| StoreError::system("make the folder of the store file", error))?;
                let lock = lock(paths)?;
                if file::read(&paths.file).map_err(writing)?.is_some() {
                    return Err(StoreError::AlreadyInitialized);
                }
                file::replace(paths, token.as_bytes()).map_err(|error| {
                    let _ = lock.discard(&paths.lock);
                    writing(error)
                })
            }
            Cycle::Locked { paths, read, .. } => {
                if Stamp::of(&paths.file).map_err(writing)? != *read {
                    return Err(StoreError::Conflict { attempts: 1 });
                }
                file::replace(paths, token.as_bytes()).map_err(writing)
            }
        }
    }

    async fn remove(&self) -> Result<(), StoreError> {
        let removing = |error| StoreError::system("remove the store file", error);
        match std::mem::replace(&mut *self.cycle(), Cycle::Looking) {
            Cycle::Looking => Err(StoreError::ContractViolation {
                operation: "remove",
                violation: "it did not follow a read to update".to_owned(),
            }),
            Cycle::New(_) => Ok(()),
            Cycle::Locked { paths, lock, .. } => {
                file::remove(&paths).and_then(|()| lock.discard(&paths.lock)).map_err(removing)
            }
        }
    }

    fn close(&self) {
        *self.cycle() = Cycle::Looking;
    }
}

fn lock(paths: &Paths) -> Result<FileLock, StoreError> {
    FileLock::acquire(&paths.lock, PATIENCE)
        .map_err(|error| StoreError::system("lock the store file", error))?
        .ok_or(StoreError::Unavailable {
            what: "the store file, which others keep locked,",
            retry_after: Some(Duration::from_secs(1)),
            source: None,
        })
}

/// Makes the folder, for its owner only, and what leads to it.
fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// What shows that somebody who takes no lock wrote the file: Convection itself.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self { length: metadata.len(), modified: metadata.modified().ok() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
