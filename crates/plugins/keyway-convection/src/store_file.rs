//! The three protected hooks on a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use keyway_core::{PluginMetadata, Structured, Table};
use keyway_seal::{Choice, KeyRing};
use keyway_secrets::{Access, Document, DocumentHooks, Recipe, StoreError};

use crate::file::{self, FileLock, Paths};
use crate::flavour::Flavour;
use crate::format;

/// How long a writer waits for the writers of other processes.
const PATIENCE: Duration = Duration::from_secs(10);

const FILE: &str = "the store file";

/// A store file: one Fernet token of one TOML document.
#[derive(Debug)]
pub(crate) struct StoreFile {
    path: PathBuf,
    metadata: PluginMetadata,
    flavour: Flavour,
    initial_settings: Table,
    choice: Choice,
    patience: Duration,
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
        flavour: Flavour,
        initial_settings: Table,
        choice: Choice,
    ) -> Self {
        Self {
            path,
            metadata,
            flavour,
            initial_settings,
            choice,
            patience: PATIENCE,
            cycle: Mutex::new(Cycle::Looking),
        }
    }

    fn cycle(&self) -> MutexGuard<'_, Cycle> {
        // A cycle is one value, set in one step: a panic elsewhere leaves it whole.
        self.cycle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self, paths: &Paths) -> Result<FileLock, StoreError> {
        FileLock::acquire(&paths.lock, &paths.file, self.patience)
            .map_err(|error| StoreError::system("lock the store file", error))?
            .ok_or(StoreError::Unavailable {
                what: "the store file, which others keep locked,",
                retry_after: Some(Duration::from_secs(1)),
                source: None,
            })
    }

    /// Opens the content of a file. White space around the token is no part of it: an editor leaves a line
    /// end, and Convection's own plugin drops it (decision H76).
    fn open(&self, content: &[u8], keys: &KeyRing) -> Result<Document, StoreError> {
        let plaintext =
            keys.open(without_white_space(content)).map_err(|error| StoreError::from_open(FILE, &error))?;
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
        self.flavour.check_settings(settings)
    }

    fn check_stored_settings(&self, settings: &Table) -> Result<(), StoreError> {
        self.flavour.check_stored_settings(settings)
    }

    fn settings_in_force(&self, settings: Table) -> Table {
        self.flavour.settings_in_force(settings)
    }

    fn generates_values(&self) -> bool {
        self.flavour.generates_values()
    }

    fn generate(&self, settings: &Table, recipe: &Recipe) -> Result<Structured, StoreError> {
        self.flavour.generate(settings, recipe)
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
                let lock = self.lock(&paths)?;
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
                file::make_directory(&paths.directory)
                    .map_err(|error| StoreError::system("make the folder of the store file", error))?;
                let lock = self.lock(paths)?;
                if file::read(&paths.file).map_err(writing)?.is_some() {
                    return Err(StoreError::AlreadyInitialized);
                }
                file::replace(paths, token.as_bytes()).map_err(|error| {
                    let _ = lock.discard();
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
                file::remove(&paths).and_then(|()| lock.discard()).map_err(removing)
            }
        }
    }

    fn close(&self) {
        *self.cycle() = Cycle::Looking;
    }
}

/// As [`<[u8]>::trim_ascii`], which leaves vertical tabs.
fn without_white_space(content: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b'\t'..=b'\r' | b' ');
    let start = content.iter().position(is_text).unwrap_or(content.len());
    let end = content.iter().rposition(is_text).map_or(start, |last| last + 1);
    &content[start..end]
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use keyway_seal::Key;

    use super::*;

    /// The hooks never wait, so one poll is enough.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("it waits"),
        }
    }

    fn store_file(path: PathBuf) -> (StoreFile, KeyRing) {
        let metadata = PluginMetadata::from_json(
            r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121,
                "compatibility": ">=:1.0,<:2.0",
                "plugin": {"name": "Generic", "type": "Secret", "description": "d"}}"#,
        );
        let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
        let flavour = Flavour::Generic;
        let file =
            StoreFile::new(path, metadata.unwrap(), flavour, flavour.initial_settings(), Choice::First);
        (file, keys)
    }

    fn initialized(path: &Path) -> (StoreFile, KeyRing) {
        let (file, keys) = store_file(path.to_owned());
        assert!(now(file.read(&keys, Access::Update)).unwrap().is_none());
        let document = Document::empty(file.metadata().written_by(), file.initial_settings());
        now(file.write(&document, &keys)).unwrap();
        file.close();
        (file, keys)
    }

    #[test]
    fn a_change_by_somebody_without_the_lock_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (file, keys) = initialized(&path);
        for change in [b"x".to_vec(), fs::read(&path).unwrap()] {
            let same_length = change.len() > 1;
            let document = now(file.read(&keys, Access::Update)).unwrap().unwrap();
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &change).unwrap();
            if same_length {
                // Coarse clocks do not show a change at once.
                let changed = File::options().write(true).open(&path).unwrap();
                changed.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            }
            assert!(matches!(now(file.write(&document, &keys)), Err(StoreError::Conflict { .. })));
            assert_eq!(fs::read(&path).unwrap(), change, "what the other wrote stands");
            file.close();
            fs::write(&path, whole).unwrap();
        }
    }

    #[test]
    fn a_write_without_a_read_to_update_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, keys) = initialized(&folder.path().join("s"));
        let document = now(file.read(&keys, Access::Read)).unwrap().unwrap();
        assert!(matches!(now(file.write(&document, &keys)), Err(StoreError::ContractViolation { .. })));
        assert!(matches!(now(file.remove()), Err(StoreError::ContractViolation { .. })));
        file.close();
        now(file.read(&keys, Access::Update)).unwrap();
        file.close();
        assert!(matches!(now(file.write(&document, &keys)), Err(StoreError::ContractViolation { .. })));
    }

    #[test]
    fn whoever_waits_too_long_for_the_lock_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (mut file, keys) = initialized(&path);
        file.patience = Duration::from_millis(30);
        let lock = FileLock::acquire(&folder.path().join(".s.lock"), &path, Duration::ZERO).unwrap().unwrap();
        assert!(matches!(now(file.read(&keys, Access::Update)), Err(StoreError::Unavailable { .. })));
        file.close();
        // Looking goes on meanwhile.
        assert!(now(file.read(&keys, Access::Read)).unwrap().is_some());
        drop(lock);
        assert!(now(file.read(&keys, Access::Update)).unwrap().is_some());
    }

    #[test]
    fn close_gives_up_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (file, keys) = initialized(&path);
        let lock = folder.path().join(".s.lock");
        let free = || FileLock::acquire(&lock, &path, Duration::ZERO).unwrap().is_some();
        assert!(free());
        now(file.read(&keys, Access::Update)).unwrap();
        assert!(!free());
        file.close();
        assert!(free());
        now(file.read(&keys, Access::Read)).unwrap();
        assert!(free(), "who only looks takes no lock");
    }
}
