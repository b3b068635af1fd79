//! Reads and writes the document of a reference store. A write is conditional: it fails if another handle wrote after
//! the document was read.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use keyway_core::{Clock, IncompatibleData, PluginMetadata, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{OpenContext, StoreError};
use keyway_storage::{Batch, CommitOutcome, Expectation, Revision, Storage, StorageError};
use tokio::task::yield_now;

use super::{Content, Habits};
use crate::lock::locked;

/// The maximum number of attempts of a write. A write is repeated if another handle wrote first.
pub(super) const ATTEMPTS: u32 = 1000;

/// Decides whether the running plugin may read the data of another writer.
pub(in crate::secrets) type Check = fn(&PluginMetadata, &WrittenBy) -> Result<(), IncompatibleData>;
/// Decides which plugin counts as the writer of the data after a write.
pub(in crate::secrets) type Stamp = fn(&PluginMetadata, &WrittenBy) -> WrittenBy;

/// The document as it was read: its content, its revision, and the keys.
pub(in crate::secrets) struct Loaded {
    pub(in crate::secrets) content: Content,
    pub(in crate::secrets) revision: Revision,
    /// The handle's keys. The first key is the one that sealed the document.
    pub(in crate::secrets) keys: KeyRing,
}

/// The cached result of a handle's last read.
#[derive(Default)]
struct Seen {
    /// The number of starts and ends of writes through this handle. A read is cached only if this number did not change
    /// during the read.
    writes: u64,
    content: Option<(u64, Content)>,
}

/// A handle to a store.
pub(in crate::secrets) struct ReferenceStore {
    pub(in crate::secrets) habits: Habits,
    pub(in crate::secrets) key: Vec<u8>,
    pub(in crate::secrets) storage: Arc<dyn Storage>,
    pub(in crate::secrets) metadata: PluginMetadata,
    pub(in crate::secrets) clock: Arc<dyn Clock>,
    pub(in crate::secrets) check: Check,
    pub(in crate::secrets) stamp: Stamp,
    /// The keys that open the document. A write seals the document with the key that sealed it before, so that no write
    /// undoes a rotation.
    keys: Mutex<KeyRing>,
    pub(super) deleted: AtomicBool,
    pub(super) reads: AtomicU64,
    /// The result of the last read. It is used only if reads may be stale.
    seen: Mutex<Seen>,
}

impl fmt::Debug for ReferenceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReferenceStore").finish_non_exhaustive()
    }
}

pub(super) fn failed(error: StorageError) -> StoreError {
    StoreError::system("work on its storage", error)
}

impl ReferenceStore {
    pub(in crate::secrets) fn new(habits: Habits, context: &OpenContext) -> Result<Self, StoreError> {
        let stamp: Stamp = |running, written| {
            if *running.version() >= written.version { running.written_by() } else { written.clone() }
        };
        Ok(Self {
            habits,
            key: format!("store/{}", context.store).into_bytes(),
            storage: Arc::clone(context.resources.require::<Arc<dyn Storage>>()?),
            metadata: context.metadata.clone(),
            clock: Arc::clone(&context.clock),
            check: PluginMetadata::check,
            stamp,
            keys: Mutex::new(context.keys.clone()),
            deleted: AtomicBool::new(false),
            reads: AtomicU64::new(0),
            seen: Mutex::default(),
        })
    }

    pub(in crate::secrets) fn keys(&self) -> KeyRing {
        locked(&self.keys).clone()
    }

    pub(in crate::secrets) fn set_keys(&self, keys: KeyRing) {
        *locked(&self.keys) = keys;
    }

    fn forget(&self) {
        let mut seen = locked(&self.seen);
        *seen = Seen { writes: seen.writes + 1, content: None };
    }

    pub(in crate::secrets) fn now(&self) -> u64 {
        self.clock.now().as_milliseconds()
    }

    /// Reads the document, whichever plugin wrote it. Returns `None` if there is no document.
    pub(in crate::secrets) async fn load_any(&self) -> Result<Option<Loaded>, StoreError> {
        for _ in 0..self.habits.pauses {
            yield_now().await;
        }
        if self.deleted.load(Ordering::SeqCst) {
            return Err(StoreError::Deleted);
        }
        let (text, key, revision) = loop {
            let before = self.keys();
            let Some(record) = self.storage.get(&self.key).await.map_err(failed)? else { return Ok(None) };
            let keys = self.keys();
            match keys.open_naming_key(&record.value) {
                Ok((text, key)) => break (text, keys.led_by(key).unwrap_or(keys), record.revision),
                // A rotation ended after the document was read and before the keys were taken. So the loop reads the
                // document and the keys again.
                Err(_) if !before.ids().eq(keys.ids()) => {}
                Err(error) => return Err(StoreError::from_open("the store", &error)),
            }
        };
        let content: Content = serde_json::from_slice(&text)
            .map_err(|_| StoreError::corrupt("the store", "its document cannot be read"))?;
        if content.deleted {
            Err(StoreError::Deleted)
        } else {
            Ok(Some(Loaded { content, revision, keys: key }))
        }
    }

    /// Reads the document. Fails if the running plugin may not read it.
    pub(in crate::secrets) async fn load(&self) -> Result<Loaded, StoreError> {
        let loaded = self.load_any().await?.ok_or(StoreError::NotInitialized)?;
        if self.habits.capabilities.tracks_writer {
            (self.check)(&self.metadata, &loaded.content.written_by)?;
        }
        Ok(loaded)
    }

    /// Reads the content for an operation that changes nothing. If reads may be stale, the content is cached for the
    /// declared time, or until a write through this handle.
    pub(in crate::secrets) async fn look(&self) -> Result<Content, StoreError> {
        let staleness = self.habits.capabilities.staleness.as_millis();
        if staleness == 0 || self.deleted.load(Ordering::SeqCst) {
            return Ok(self.load().await?.content);
        }
        let now = self.now();
        let writes = {
            let seen = locked(&self.seen);
            match &seen.content {
                Some((at, content)) if u128::from(now.abs_diff(*at)) < staleness => {
                    return Ok(content.clone());
                }
                _ => seen.writes,
            }
        };
        let content = self.load().await?.content;
        let mut seen = locked(&self.seen);
        if seen.writes == writes {
            seen.content = Some((now, content.clone()));
        }
        Ok(content)
    }

    /// Writes the document. Returns false, and writes nothing, if the stored document does not meet the expectation.
    pub(in crate::secrets) async fn store(
        &self,
        content: &Content,
        keys: &KeyRing,
        expectation: Expectation,
    ) -> Result<bool, StoreError> {
        let text = serde_json::to_vec(content).map_err(|error| StoreError::system("write JSON", error))?;
        // The sealed token is about a third longer than its content.
        let (bytes, limit) = (text.len() / 3 * 4 + 128, self.storage.limits().value_bytes);
        if bytes > limit {
            return Err(StoreError::TooLarge { what: "the store", bytes, limit });
        }
        let sealed = keys.seal(&text).map_err(StoreError::from_seal)?.into_bytes();
        let batch = Batch::new().put(self.key.clone(), sealed, expectation);
        self.forget();
        let outcome = self.storage.commit(batch).await;
        self.forget();
        let outcome = outcome.map_err(failed)?;
        Ok(matches!(outcome, CommitOutcome::Committed(_)))
    }

    /// Changes the document. Retries if another handle wrote first.
    pub(in crate::secrets) async fn change<T: Send>(
        &self,
        change: impl Fn(&mut Content) -> Result<T, StoreError> + Send + Sync,
    ) -> Result<T, StoreError> {
        for _ in 0..ATTEMPTS {
            let Loaded { mut content, revision, keys } = self.load().await?;
            let answer = change(&mut content)?;
            content.written_by = (self.stamp)(&self.metadata, &content.written_by);
            content.writes += 1;
            let reads = self.reads.swap(0, Ordering::SeqCst);
            content.reads += reads;
            let written = self.store(&content, &keys, Expectation::Revision(revision)).await;
            if written.as_ref().is_ok_and(|written| *written) {
                return Ok(answer);
            }
            self.reads.fetch_add(reads, Ordering::SeqCst);
            written?;
        }
        Err(StoreError::Conflict { attempts: ATTEMPTS })
    }

    /// Removes the document, whichever plugin wrote it.
    pub(in crate::secrets) async fn remove(&self) -> Result<(), StoreError> {
        let batch = Batch::new().delete(self.key.clone(), Expectation::Any);
        if let CommitOutcome::Conflict { .. } = self.storage.commit(batch).await.map_err(failed)? {
            return Err(StoreError::Conflict { attempts: 1 });
        }
        self.deleted.store(true, Ordering::SeqCst);
        Ok(())
    }
}
