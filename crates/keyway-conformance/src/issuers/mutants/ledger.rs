//! Keeps the credentials of the reference issuer, which outlive its handles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use crate::lock::locked;

/// A credential as it is kept.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) state: String,
    pub(super) intent: String,
    pub(super) secret: String,
}

/// Keeps the credentials of one scratch folder, by state.
#[derive(Debug)]
pub(super) struct Ledger(PathBuf);

type Ledgers = BTreeMap<PathBuf, BTreeMap<String, Entry>>;

static LEDGERS: LazyLock<Mutex<Ledgers>> = LazyLock::new(Mutex::default);

impl Ledger {
    pub(super) fn of(scratch: &Path) -> Self {
        Self(scratch.to_owned())
    }

    /// Returns the scratch folder.
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        locked(&LEDGERS).get(&self.0).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    pub(super) fn find(&self, is_it: impl Fn(&Entry) -> bool) -> Option<Entry> {
        self.entries().into_iter().find(is_it)
    }

    /// Adds a credential, and replaces one with the same state.
    pub(super) fn add(&self, entry: Entry) {
        locked(&LEDGERS).entry(self.0.clone()).or_default().insert(entry.state.clone(), entry);
    }

    pub(super) fn remove(&self, state: &str) {
        locked(&LEDGERS).entry(self.0.clone()).or_default().remove(state);
    }

    pub(super) fn remove_all(&self) {
        locked(&LEDGERS).remove(&self.0);
    }
}
