//! Which credentials exist: a file each, in a folder.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A credential as it is kept.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) state: String,
    pub(super) intent: String,
    pub(super) secret: String,
}

/// The credentials of one folder.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    folder: PathBuf,
}

fn folder_of(scratch: &Path) -> PathBuf {
    scratch.join("credentials")
}

/// The states of all credentials below a scratch folder.
pub(super) fn states(scratch: &Path) -> Vec<String> {
    Ledger::new(scratch).entries().into_iter().map(|entry| entry.state).collect()
}

impl Ledger {
    pub(super) fn new(scratch: &Path) -> Self {
        Self { folder: folder_of(scratch) }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let Ok(files) = fs::read_dir(&self.folder) else { return Vec::new() };
        files.filter_map(|file| read(&file.ok()?.path())).collect()
    }

    pub(super) fn find(&self, is_it: impl Fn(&Entry) -> bool) -> Option<Entry> {
        self.entries().into_iter().find(is_it)
    }

    /// Adds a credential. One with the same state is replaced.
    pub(super) fn add(&self, entry: &Entry) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(&self.folder)?;
        let hidden = self.folder.with_extension(format!("new-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let mut file = fs::File::create(&hidden)?;
        write!(file, "{}\0{}\0{}", entry.state, entry.intent, entry.secret)?;
        drop(file);
        fs::rename(hidden, self.file(&entry.state))
    }

    pub(super) fn remove(&self, state: &str) -> bool {
        fs::remove_file(self.file(state)).is_ok()
    }

    pub(super) fn remove_all(&self) {
        for entry in self.entries() {
            self.remove(&entry.state);
        }
    }

    /// A state may be any text, so its bytes are spelled.
    fn file(&self, state: &str) -> PathBuf {
        use std::fmt::Write as _;
        let mut name = String::from("s");
        for byte in state.bytes().take(100) {
            let _ = write!(name, "{byte:02x}");
        }
        self.folder.join(name)
    }
}

fn read(file: &Path) -> Option<Entry> {
    let text = fs::read_to_string(file).ok()?;
    let mut fields = text.split('\0').map(str::to_owned);
    Some(Entry { state: fields.next()?, intent: fields.next()?, secret: fields.next()? })
}
