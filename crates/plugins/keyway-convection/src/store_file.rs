//! Implements the three protected hooks `read`, `write` and `remove` on a store file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::{CallError, PluginMetadata, Structured, Table};
use keyway_files::{FileError, Found, Lock, Rights, SharedFile};
use keyway_seal::{Choice, KeyRing, token_len};
use keyway_secrets::{AccessMode, Document, DocumentHooks, Recipe, StoreError};

use crate::flavour::Flavour;
use crate::format;

/// The longest time that a writer waits for the writers of other processes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The size limit of a store file, for reading and writing.
pub(crate) const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;

const FILE: &str = "the store file";
const CHANGE: &str = "the change of the store file";

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

/// The state of a cycle of hook calls, which `close` ends.
#[derive(Debug)]
enum Cycle {
    /// The file was not read for a change, so no write is allowed.
    Looking,
    /// The file was read for a change and did not exist.
    New,
    /// The file was read for a change, under the lock.
    Locked { file: SharedFile, lock: Lock, found: Option<Found> },
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
        // The cycle is replaced as a whole, so it is valid even if another call panicked while it held the lock.
        self.cycle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder(&self) -> &Path {
        // The path is absolute and names a file, so it has a parent.
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Finds the file, through symbolic links. Returns `None` if its folder does not exist.
    fn find(&self) -> Result<Option<SharedFile>, FileError> {
        match SharedFile::resolve(&self.path, Rights::Private, MAX_FILE_BYTES) {
            Err(FileError::NoDirectory(_)) => Ok(None),
            found => found.map(Some),
        }
    }

    fn write_first(&self, token: &[u8]) -> Result<(), StoreError> {
        let writing = failed("write the store file");
        keyway_files::make_folder(self.folder()).map_err(failed("make the folder of the store file"))?;
        let file = SharedFile::resolve(&self.path, Rights::Private, MAX_FILE_BYTES).map_err(&writing)?;
        let lock = file.lock(self.patience).map_err(failed("lock the store file"))?;
        if file.read().map_err(&writing)?.is_some() {
            return Err(StoreError::AlreadyInitialized);
        }
        file.replace(&lock, None, token).map_err(|error| {
            if error.leaves_no_effect() {
                let _ = lock.discard();
            }
            writing(error)
        })
    }

    /// Decrypts and reads the content of a file. White space around the token is ignored: an editor leaves a line end,
    /// and Convection's own plugin also ignores it (decision H76).
    fn open(&self, content: &[u8], keys: &KeyRing) -> Result<Document, StoreError> {
        let plaintext =
            keys.open(without_white_space(content)).map_err(|error| StoreError::from_open(FILE, &error))?;
        let text = std::str::from_utf8(&plaintext).map_err(|error| {
            StoreError::corrupt(FILE, format!("its text is not UTF-8 after byte {}", error.valid_up_to()))
        })?;
        format::parse(text).or_else(|error| match error.written_by() {
            // A file of an unsupported version may be arranged differently, so this reader may find faults in it. Then
            // only the writer of the file is returned (decision C4).
            Some(written) if self.metadata.check(written).is_err() => {
                Ok(Document::empty(written.clone(), Table::new()))
            }
            _ => Err(StoreError::corrupt(FILE, error.to_string())),
        })
    }

    fn seal(&self, document: &Document, keys: &KeyRing) -> Result<String, StoreError> {
        let length = format::printed_len(document, &self.metadata)
            .map_err(|error| StoreError::invalid("a value", error.to_string()))?;
        // The size is checked before the text is made, because escapes can make a text six times as long.
        let bytes = token_len(length);
        if bytes > MAX_FILE_BYTES {
            return Err(StoreError::TooLarge { what: FILE, bytes, limit: MAX_FILE_BYTES });
        }
        let text = format::print_of(length, document, &self.metadata);
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
        // Sealing turns three bytes into four. A value above this limit fits into no file, so it is refused before the
        // file is read. Whether a smaller one fits is known only when the file is written.
        const MAX_VALUE_BYTES: usize = MAX_FILE_BYTES / 4 * 3;
        // The depth is checked first, because the length is counted recursively.
        format::check_value(value).map_err(|error| StoreError::invalid("the value", error.to_string()))?;
        let bytes = format::value_len(value);
        if bytes > MAX_VALUE_BYTES {
            let what = "the value, with quotes and escapes,";
            return Err(StoreError::TooLarge { what, bytes, limit: MAX_VALUE_BYTES });
        }
        Ok(())
    }

    async fn read(&self, keys: &KeyRing, access: AccessMode) -> Result<Option<Document>, StoreError> {
        let reading = failed("read the store file");
        let token = match access {
            AccessMode::Read => keyway_files::read(&self.path, MAX_FILE_BYTES).map_err(reading)?,
            AccessMode::Update => {
                let file = match self.find().map_err(&reading)? {
                    Some(file) if file.read().map_err(&reading)?.is_some() => file,
                    _ => {
                        // There is no store file. A lock file beside it would be a change, so no lock is taken.
                        *self.cycle() = Cycle::New;
                        return Ok(None);
                    }
                };
                let lock = file.lock(self.patience).map_err(failed("lock the store file"))?;
                let found = file.read().map_err(&reading)?;
                let document = found.as_ref().map(|found| self.open(found.content(), keys)).transpose();
                *self.cycle() = Cycle::Locked { file, lock, found };
                return document;
            }
        };
        token.map(|token| self.open(&token, keys)).transpose()
    }

    async fn write(&self, document: &Document, keys: &KeyRing) -> Result<(), StoreError> {
        let token = self.seal(document, keys)?;
        match &*self.cycle() {
            Cycle::Looking => {
                Err(CallError::violation("write", "it did not follow a read for update").into())
            }
            Cycle::New => self.write_first(token.as_bytes()),
            Cycle::Locked { file, lock, found } => {
                file.replace(lock, found.as_ref(), token.as_bytes()).map_err(failed("write the store file"))
            }
        }
    }

    async fn remove(&self) -> Result<(), StoreError> {
        match std::mem::replace(&mut *self.cycle(), Cycle::Looking) {
            Cycle::Looking => {
                Err(CallError::violation("remove", "it did not follow a read for update").into())
            }
            // There is no store file. An earlier call may have removed it without making the removal durable, so the
            // folder is synced now.
            Cycle::New => {
                let Some(file) = self.find().map_err(failed("find the store file"))? else { return Ok(()) };
                let file = file.path();
                match keyway_files::sync_folder(file.parent().unwrap_or(self.folder())) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        Err(StoreError::Indeterminate { what: CHANGE, source: error.into() })
                    }
                    _ => Ok(()),
                }
            }
            Cycle::Locked { file, lock, .. } => file.remove(lock).map_err(failed("remove the store file")),
        }
    }

    fn close(&self) {
        *self.cycle() = Cycle::Looking;
    }
}

/// Trims white space as [`<[u8]>::trim_ascii`] does. Also trims vertical tabs.
fn without_white_space(content: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b'\t'..=b'\r' | b' ');
    let start = content.iter().position(is_text).unwrap_or(content.len());
    let end = content.iter().rposition(is_text).map_or(start, |last| last + 1);
    &content[start..end]
}

/// Converts the failure of the operation `what` into an error of the store.
fn failed(what: &'static str) -> impl Fn(FileError) -> StoreError {
    move |error| match error {
        FileError::Indeterminate { .. } => StoreError::Indeterminate { what: CHANGE, source: error.into() },
        FileError::Busy(_) => StoreError::Unavailable {
            what: "the store file, which others keep locked,",
            retry_after: Some(Duration::from_secs(1)),
            source: Some(error.into()),
        },
        FileError::Changed(_) => StoreError::Conflict { attempts: 1 },
        FileError::TooLong { bytes, limit, .. } => {
            StoreError::TooLarge { what: FILE, bytes: usize::try_from(bytes).unwrap_or(usize::MAX), limit }
        }
        error if !error.may_pass() => StoreError::not_ready(FILE, error.reason()),
        error => StoreError::system(what, error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::SystemTime;

    use keyway_seal::Key;

    use super::*;

    /// Polls a future once. That is enough, because the hooks never wait.
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
        assert!(now(file.read(&keys, AccessMode::Update)).unwrap().is_none());
        let document = Document::empty(file.metadata().written_by(), file.initial_settings());
        now(file.write(&document, &keys)).unwrap();
        file.close();
        (file, keys)
    }

    #[test]
    fn a_full_disk_is_the_headline() {
        let full = std::io::ErrorKind::StorageFull.into();
        let error =
            failed("write the store file")(FileError::Io { what: "write", path: "/s".into(), source: full });
        let told = "the store file cannot be used: cannot write /s: the disk is full; free some space";
        assert!(error.to_string().starts_with(told), "{error}");
    }

    #[test]
    fn a_change_without_the_lock_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (file, keys) = initialized(&path);
        for change in [b"x".to_vec(), fs::read(&path).unwrap()] {
            let same_length = change.len() > 1;
            let document = now(file.read(&keys, AccessMode::Update)).unwrap().unwrap();
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &change).unwrap();
            if same_length {
                // The clock of the file system may be coarse. Then the changed file could have the same time as before,
                // so the test sets another time.
                let changed = File::options().write(true).open(&path).unwrap();
                changed.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            }
            assert!(matches!(now(file.write(&document, &keys)), Err(StoreError::Conflict { .. })));
            assert_eq!(fs::read(&path).unwrap(), change, "the other writer's content stays");
            file.close();
            fs::write(&path, whole).unwrap();
        }
    }

    /// Tests that the size counts escapes, and is checked before anything is sealed.
    #[test]
    fn a_text_that_escapes_make_too_long_is_refused() {
        let (file, keys) = store_file("/s".into());
        let escaped = |bytes| Structured::text("\u{1}".repeat(bytes));
        // Each byte is written as six.
        let longest = MAX_FILE_BYTES / 4 * 3 / 6 - 1;
        assert!(file.check_value(&escaped(longest)).is_ok());
        assert!(matches!(file.check_value(&escaped(longest + 1)), Err(StoreError::TooLarge { .. })));
        let mut document = Document::empty(file.metadata().written_by(), file.initial_settings());
        document.secrets.push_new("a", escaped(longest));
        match file.seal(&document, &keys) {
            Err(StoreError::TooLarge { what: FILE, bytes, .. }) => assert!(bytes > MAX_FILE_BYTES),
            other => panic!("{other:?}"),
        }
    }

    /// Runs a check on a stack that a recursion through all levels would overflow.
    #[test]
    fn a_deep_value_is_refused_before_its_length_is_counted() {
        let deep = || {
            let value = (0..20_000).fold(Structured::text("x"), |inner, _| Structured::Array(vec![inner]));
            let (file, _) = store_file("/s".into());
            let check = std::thread::Builder::new().stack_size(256 * 1024);
            std::thread::scope(|scope| {
                let checked = check.spawn_scoped(scope, || file.check_value(&value)).unwrap().join().unwrap();
                assert!(matches!(checked, Err(StoreError::Invalid { .. })), "{checked:?}");
            });
        };
        // Dropping the value is recursive, too.
        std::thread::Builder::new().stack_size(64 << 20).spawn(deep).unwrap().join().unwrap();
    }

    #[test]
    fn a_write_without_a_read_to_update_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, keys) = initialized(&folder.path().join("s"));
        let document = now(file.read(&keys, AccessMode::Read)).unwrap().unwrap();
        assert!(matches!(
            now(file.write(&document, &keys)),
            Err(StoreError::Call(CallError::ContractViolation { .. }))
        ));
        assert!(matches!(now(file.remove()), Err(StoreError::Call(CallError::ContractViolation { .. }))));
        file.close();
        now(file.read(&keys, AccessMode::Update)).unwrap();
        file.close();
        assert!(matches!(
            now(file.write(&document, &keys)),
            Err(StoreError::Call(CallError::ContractViolation { .. }))
        ));
    }

    #[test]
    fn waiting_too_long_for_the_lock_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (mut file, keys) = initialized(&path);
        file.patience = Duration::from_millis(30);
        let lock = file.find().unwrap().unwrap().lock(Duration::ZERO).unwrap();
        assert!(matches!(now(file.read(&keys, AccessMode::Update)), Err(StoreError::Unavailable { .. })));
        file.close();
        // Reading is possible while the lock is held.
        assert!(now(file.read(&keys, AccessMode::Read)).unwrap().is_some());
        drop(lock);
        assert!(now(file.read(&keys, AccessMode::Update)).unwrap().is_some());
    }

    /// Tests the state after a crash that follows the removal of the file: the link to the file stays.
    #[test]
    #[cfg(unix)]
    fn a_store_behind_a_link_can_be_removed_again_and_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("link"), folder.path().join("target"));
        std::os::unix::fs::symlink("target", &path).unwrap();
        let (file, keys) = store_file(path.clone());
        assert!(now(file.read(&keys, AccessMode::Update)).unwrap().is_none());
        now(file.remove()).unwrap();
        file.close();
        initialized(&path);
        assert!(target.is_file() && path.is_symlink());
    }

    #[test]
    fn close_gives_up_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (file, keys) = initialized(&path);
        let other = file.find().unwrap().unwrap();
        let free = || other.lock(Duration::ZERO).is_ok();
        assert!(free());
        now(file.read(&keys, AccessMode::Update)).unwrap();
        assert!(!free());
        file.close();
        assert!(free());
        now(file.read(&keys, AccessMode::Read)).unwrap();
        assert!(free(), "a read without an update takes no lock");
    }
}
