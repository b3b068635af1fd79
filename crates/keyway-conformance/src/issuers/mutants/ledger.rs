//! The ledger of the reference issuer: its credentials, which outlive a handle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use crate::lock::locked;

/// A credential as the ledger stores it.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) state: String,
    pub(super) intent: String,
    pub(super) secret: String,
}

/// The credentials of one scratch folder, stored by their references (`state` on the wire).
#[derive(Debug)]
pub(super) struct Ledger(PathBuf);

#[derive(Default)]
struct Content {
    entries: BTreeMap<String, Entry>,
    /// The intents of requests that the issuer reported to the host as not executed, and of revoked credentials.
    voided: BTreeSet<String>,
}

type Ledgers = BTreeMap<PathBuf, Content>;

static LEDGERS: LazyLock<Mutex<Ledgers>> = LazyLock::new(Mutex::default);

impl Ledger {
    pub(super) fn of(scratch: &Path) -> Self {
        Self(scratch.to_owned())
    }

    /// Returns the scratch folder.
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    fn with<T>(&self, work: impl FnOnce(&mut Content) -> T) -> T {
        work(locked(&LEDGERS).entry(self.0.clone()).or_default())
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.with(|content| content.entries.values().cloned().collect())
    }

    pub(super) fn find(&self, is_it: impl Fn(&Entry) -> bool) -> Option<Entry> {
        self.entries().into_iter().find(is_it)
    }

    /// Adds a credential, or replaces the credential that has the same reference (`state`).
    pub(super) fn add(&self, entry: Entry) {
        self.with(|content| content.entries.insert(entry.state.clone(), entry));
    }

    pub(super) fn remove(&self, state: &str) {
        self.with(|content| content.entries.remove(state));
    }

    /// Removes a credential, and records that a later request with its intent must have no effect.
    pub(super) fn revoke(&self, state: &str) {
        self.with(|content| {
            let removed = content.entries.remove(state);
            content.voided.extend(removed.map(|entry| entry.intent));
        });
    }

    pub(super) fn remove_all(&self) {
        locked(&LEDGERS).remove(&self.0);
    }

    /// Records that a later request with this intent must have no effect.
    pub(super) fn void(&self, intent: &str) {
        self.with(|content| content.voided.insert(intent.to_owned()));
    }

    pub(super) fn is_voided(&self, intent: &str) -> bool {
        self.with(|content| content.voided.contains(intent))
    }
}
