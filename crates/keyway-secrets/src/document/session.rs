//! Runs one cycle of a document: read, perhaps write, and close on every path.

use keyway_core::CallError;
use std::panic::{AssertUnwindSafe, catch_unwind};

use async_lock::MutexGuard;
use keyway_seal::KeyRing;

use crate::{AccessMode, Document, DocumentHooks, StoreError};

/// The state of a handle between cycles.
#[derive(Debug)]
pub(super) struct HandleState {
    /// The keys that open the document. While a rotation may be unfinished, this ring holds the new and the old keys.
    pub(super) reading: KeyRing,
    /// The keys that seal the document. The new keys replace them only when a rotation is done, so after a failed or
    /// dropped rotation the old keys still open the document.
    pub(super) sealing: KeyRing,
    /// The new keys of a rotation that is not known to be done.
    pub(super) rotating: Option<KeyRing>,
    pub(super) deleted: bool,
    /// Reads since the last write. The next write adds them to the document's count.
    pub(super) unwritten_reads: i64,
}

/// A cycle. It owns the handle's lock, so cycles never overlap, and it closes on drop.
pub(super) struct Session<'a, H: DocumentHooks> {
    hooks: &'a H,
    pub(super) state: MutexGuard<'a, HandleState>,
    closed: bool,
}

impl<'a, H: DocumentHooks> Session<'a, H> {
    pub(super) fn begin(hooks: &'a H, state: MutexGuard<'a, HandleState>) -> Self {
        Self { hooks, state, closed: false }
    }

    /// Reads without checking the writer and without counting the read.
    pub(super) async fn read_any(&mut self, access: AccessMode) -> Result<Option<Document>, StoreError> {
        let rotating = self.state.rotating.clone().filter(|_| access == AccessMode::Update);
        let Some(new) = rotating else { return self.hooks.read(&self.state.reading, access).await };
        // A failed rotation of this handle may have taken effect, or another handle may have finished it. Then the
        // document is sealed with the new keys, and the host may already have discarded the old keys. So if the old
        // keys do not open the document, this handle seals with the new keys from now on.
        match self.hooks.read(&self.state.sealing, access).await {
            Err(StoreError::WrongKey { .. }) => {}
            other => return other,
        }
        self.close_once()?;
        self.closed = false;
        let document = self.hooks.read(&self.state.reading, access).await?;
        self.state.sealing = new;
        Ok(document)
    }

    /// Reads the document, checks that the running plugin may read it, and counts the read.
    ///
    /// See decision C4.
    pub(super) async fn read(&mut self, access: AccessMode) -> Result<Document, StoreError> {
        let document = self.read_any(access).await?.ok_or(StoreError::NotInitialized)?;
        self.hooks.metadata().check(&document.written_by)?;
        self.hooks
            .check_stored_settings(&document.settings)
            .map_err(|error| StoreError::corrupt("the stored settings", error.to_string()))?;
        self.state.unwritten_reads = self.state.unwritten_reads.saturating_add(1);
        Ok(document)
    }

    /// Writes the document, sealed with the keys in `sealing`.
    pub(super) async fn write(&mut self, document: Document) -> Result<(), StoreError> {
        let keys = self.state.sealing.clone();
        self.write_sealed_by(document, &keys).await
    }

    /// Writes the document. Adds the unwritten reads and this write to its counts, and records the running version as
    /// the last writer. The recorded version is never lowered: data that a newer version wrote stays marked with that
    /// version (decision C4).
    pub(super) async fn write_sealed_by(
        &mut self,
        mut document: Document,
        keys: &KeyRing,
    ) -> Result<(), StoreError> {
        document.reads = document.reads.max(0).saturating_add(self.state.unwritten_reads);
        document.writes = document.writes.max(0).saturating_add(1);
        let running = self.hooks.metadata();
        if *running.version() >= document.written_by.version {
            document.written_by = running.written_by();
        }
        self.hooks.write(&document, keys).await?;
        self.state.unwritten_reads = 0;
        Ok(())
    }

    pub(super) async fn remove(&mut self) -> Result<(), StoreError> {
        self.hooks.remove().await?;
        self.state.deleted = true;
        Ok(())
    }

    /// Closes the cycle and returns `answer`, or an error if the hook `close` panics.
    pub(super) fn end<T>(mut self, answer: T) -> Result<T, StoreError> {
        self.close_once().map(|()| answer)
    }

    fn close_once(&mut self) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        // This may run while another panic unwinds. A second panic would then abort the process.
        catch_unwind(AssertUnwindSafe(|| self.hooks.close()))
            .map_err(|_| CallError::Panicked { operation: "close" }.into())
    }
}

impl<H: DocumentHooks> Drop for Session<'_, H> {
    fn drop(&mut self) {
        // The result is ignored, because the operation already failed or was dropped.
        let _ = self.close_once();
    }
}
