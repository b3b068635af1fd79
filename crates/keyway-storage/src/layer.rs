//! Storage engines that wrap another engine.

use std::fmt;

use async_trait::async_trait;

use crate::{Batch, CommitOutcome, KeyRange, Limits, Pace, Page, Record, Storage, StorageError};

/// One operation of a [`Storage`], as [`StorageLayer::around`] sees it.
///
/// Its `Debug` form shows keys, but no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call<'a> {
    /// [`Storage::get`].
    #[non_exhaustive]
    Get {
        /// The key of the record.
        key: &'a [u8],
    },
    /// [`Storage::scan`].
    #[non_exhaustive]
    Scan {
        /// The range of keys.
        range: &'a KeyRange,
        /// The last key of the previous page, if there was one.
        after: Option<&'a [u8]>,
        /// The maximum number of records that the caller wants.
        limit: usize,
    },
    /// [`Storage::commit`]. A layer that needs the batch itself overrides [`StorageLayer::commit`].
    #[non_exhaustive]
    Commit {
        /// How many items the batch has.
        items: usize,
    },
}

/// A layer around another storage engine. It forwards every operation that it does not override.
///
/// Implement this trait instead of [`Storage`], and put the value into [`Layered`] to get an engine. Operations that
/// the contract gains later are then forwarded, too. A wrapper that implements [`Storage`] directly would run the
/// contract's default bodies of these operations instead.
///
/// * Override one operation to change it, and call the engine below through [`inner`](Self::inner).
/// * Override [`around`](Self::around) to see, delay or refuse every operation in one place.
/// * Override [`pace`](Self::pace) with [`Pace::Unknown`] if the layer itself waits.
///
/// A layer must keep the promises of the contract: [`commit`](Self::commit) applies all items or none, and an error
/// that says that nothing was written is never returned after the inner engine has committed. A forwarded operation has
/// the errors, blocking and cancel safety of the inner engine.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use keyway_storage::{Call, Layered, Memory, Storage, StorageError, StorageLayer};
///
/// /// Counts the operations of an engine.
/// #[derive(Debug)]
/// struct Counting {
///     inner: Memory,
///     operations: AtomicUsize,
/// }
///
/// impl StorageLayer for Counting {
///     type Inner = Memory;
///
///     fn inner(&self) -> &Memory {
///         &self.inner
///     }
///
///     async fn around<T: Send, F>(&self, _: Call<'_>, next: F) -> Result<T, StorageError>
///     where
///         F: Future<Output = Result<T, StorageError>> + Send,
///     {
///         self.operations.fetch_add(1, Ordering::Relaxed);
///         next.await
///     }
/// }
///
/// # pollster::block_on(async {
/// let engine = Layered(Counting { inner: Memory::new(), operations: AtomicUsize::new(0) });
/// assert_eq!(engine.get(b"a key").await?, None);
/// assert_eq!(engine.0.operations.load(Ordering::Relaxed), 1);
/// # Ok::<(), StorageError>(()) }).unwrap();
/// ```
pub trait StorageLayer: fmt::Debug + Send + Sync {
    /// The engine below: a type, or `dyn Storage`.
    type Inner: Storage + ?Sized;

    /// Returns the engine below. Does not block.
    fn inner(&self) -> &Self::Inner;

    /// Runs `next`, and returns its result. `next` is the future of the layer's own method for the operation `call`.
    ///
    /// An override may await `next` or drop it. If it drops `next` before the first poll, the
    /// operation is not carried out.
    ///
    /// # Errors
    /// Those of `next`.
    ///
    /// # Cancel safety
    /// That of the operation.
    fn around<T: Send, F>(
        &self,
        call: Call<'_>,
        next: F,
    ) -> impl Future<Output = Result<T, StorageError>> + Send
    where
        F: Future<Output = Result<T, StorageError>> + Send,
    {
        let _ = call;
        next
    }

    /// Forwards [`Storage::limits`]. Does not block.
    fn limits(&self) -> Limits {
        self.inner().limits()
    }

    /// Forwards [`Storage::pace`]. Does not block.
    fn pace(&self) -> Pace {
        self.inner().pace()
    }

    /// Forwards [`Storage::get`].
    ///
    /// # Errors
    /// Those of the inner engine.
    fn get(&self, key: &[u8]) -> impl Future<Output = Result<Option<Record>, StorageError>> + Send {
        async move { self.inner().get(key).await }
    }

    /// Forwards [`Storage::scan`].
    ///
    /// # Errors
    /// Those of the inner engine.
    fn scan(
        &self,
        range: &KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> impl Future<Output = Result<Page, StorageError>> + Send {
        async move { self.inner().scan(range, after, limit).await }
    }

    /// Forwards [`Storage::commit`].
    ///
    /// # Errors
    /// Those of the inner engine.
    fn commit(&self, batch: Batch) -> impl Future<Output = Result<CommitOutcome, StorageError>> + Send {
        async move { self.inner().commit(batch).await }
    }
}

/// Turns a [`StorageLayer`] into a [`Storage`]. The field holds the layer.
#[derive(Clone, Debug)]
pub struct Layered<L>(pub L);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: StorageLayer> Storage for Layered<L> {
    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn pace(&self) -> Pace {
        self.0.pace()
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        self.0.around(Call::Get { key }, self.0.get(key)).await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.0.around(Call::Scan { range, after, limit }, self.0.scan(range, after, limit)).await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        let call = Call::Commit { items: batch.items().len() };
        self.0.around(call, self.0.commit(batch)).await
    }
}
