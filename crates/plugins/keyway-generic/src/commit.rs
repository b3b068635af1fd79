//! Commits that also check the header, and replacement of the header.

use keyway_seal::KeyId;
use keyway_secrets::StoreError;
use keyway_storage::{Batch, CommitOutcome, Expectation};

use crate::counters::Tally;
use crate::handle::{Handle, View};
use crate::header::Header;
use crate::storage_error::from_storage;

/// The result of a commit that also checks the header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// The commit succeeded.
    Done,
    /// The header has changed. The caller starts again with a new view.
    HeaderChanged,
    /// The expectation of the caller's item with this index, counted from 0, was not met.
    Conflict(usize),
}

impl Handle {
    /// Commits the caller's items if the header is still that of `view`.
    ///
    /// The check of the header prevents three kinds of writes: to a store that is being deleted, with keys that a
    /// rotation has retired, and to a store whose last writer has a version that this plugin must not read. If an older
    /// version wrote last, the commit also records the running version in the header.
    pub(crate) async fn commit(
        &self,
        view: &View,
        tally: Tally,
        add_items: impl FnOnce(Batch) -> Batch,
    ) -> Result<Committed, StoreError> {
        let running = self.metadata.written_by();
        let raises = running.version > view.loaded.header.text.written_by.version;
        let batch = if raises {
            let mut header = view.loaded.header.clone();
            header.text.written_by = running;
            let note = header.seal(&view.keys)?;
            Batch::new().put(self.prefix.header(), note, Expectation::Revision(view.loaded.revision))
        } else {
            Batch::new().check(self.prefix.header(), view.loaded.revision)
        };
        match self.storage.commit(add_items(batch)).await.map_err(from_storage)? {
            CommitOutcome::Committed(_) => {
                if raises {
                    self.forget(view);
                }
                if self.pending.count(tally) {
                    self.store_counts(view).await;
                }
                Ok(Committed::Done)
            }
            CommitOutcome::Conflict { item: 0 } => {
                self.forget(view);
                Ok(Committed::HeaderChanged)
            }
            CommitOutcome::Conflict { item } => Ok(Committed::Conflict(item - 1)),
        }
    }

    /// Replaces the header if it is still that of `view`, and returns `false` otherwise. If `key` is given, it becomes
    /// the key of the store.
    pub(crate) async fn replace_header(
        &self,
        view: &View,
        mut header: Header,
        key: Option<KeyId>,
    ) -> Result<bool, StoreError> {
        let keys = key.and_then(|key| view.keys.led_by(key)).unwrap_or_else(|| view.keys.clone());
        let running = self.metadata.written_by();
        if running.version > header.text.written_by.version {
            header.text.written_by = running;
        }
        let note = header.seal(&keys)?;
        let batch = Batch::new().put(self.prefix.header(), note, Expectation::Revision(view.loaded.revision));
        let outcome = self.storage.commit(batch).await.map_err(from_storage)?;
        self.forget(view);
        Ok(matches!(outcome, CommitOutcome::Committed(_)))
    }
}
