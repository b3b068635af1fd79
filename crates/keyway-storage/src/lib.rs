//! Storage engines for records under ordered keys. Every write is an atomic conditional batch.
//!
//! Everything that Keyway stores is built on one trait with one way to write, [`Storage::commit`]. So a host moves from
//! tests to one machine, and from there to many machines, by choosing another engine:
//!
//! | engine | keeps records | shared by |
//! | --- | --- | --- |
//! | [`Memory`] | until the process ends | the handles of one process |
//! | [`Sqlite`] (feature `sqlite`, on by default) | in one file, synced on every commit | the processes of one machine |
//!
//! # Tutorial
//!
//! A store maps keys to values; both are bytes. Every record carries the [`Revision`] of its last write. A [`Batch`]
//! lists changes and their conditions, and is applied as a whole or not at all:
//!
//! ```
//! use keyway_storage::{Batch, Expectation, KeyRange, Memory, CommitOutcome, Storage};
//!
//! # pollster::block_on(async {
//! let store = Memory::new(); // or Sqlite::open("host.db")?
//!
//! // Create two accounts; neither may exist yet.
//! let open = Batch::new()
//!     .put("account/anna", "100", Expectation::Absent)
//!     .put("account/ben", "0", Expectation::Absent);
//! let CommitOutcome::Committed(revision) = store.commit(open).await? else { unreachable!() };
//!
//! // Read, decide, and write only if the records are unchanged.
//! let anna = store.get(b"account/anna").await?.expect("was just created");
//! assert_eq!((anna.value.as_slice(), anna.revision), (b"100".as_slice(), revision));
//! let transfer = Batch::new()
//!     .put("account/anna", "60", Expectation::Revision(anna.revision))
//!     .put("account/ben", "40", Expectation::Revision(revision));
//! assert!(matches!(store.commit(transfer.clone()).await?, CommitOutcome::Committed(_)));
//!
//! // A second attempt is too late, and names the expectation that was not met. Nothing was
//! // written: read again and decide again.
//! assert_eq!(store.commit(transfer).await?, CommitOutcome::Conflict { item: 0 });
//!
//! // Go through a range page by page, in the order of the keys.
//! let range = KeyRange::prefix("account/");
//! let (mut after, mut seen) = (None, Vec::new());
//! loop {
//!     let page = store.scan(&range, after.as_deref(), 1).await?;
//!     seen.extend(page.entries.iter().map(|entry| entry.value.clone()));
//!     if !page.more {
//!         break;
//!     }
//!     after = page.entries.last().map(|entry| entry.key.clone());
//! }
//! assert_eq!(seen, [b"60".to_vec(), b"40".to_vec()]);
//! # Ok::<(), keyway_storage::StorageError>(()) }).unwrap();
//! ```
//!
//! # Sealing and limits
//!
//! This crate does not seal values: a caller that stores secrets seals them first, and hides names in keys if they must
//! not be read (decisions K1 and C15). Every engine takes at least [`Limits::MINIMUM`]; [`Storage::limits`] returns an
//! engine's own limits. A batch that exceeds them is refused with a typed error, and nothing is written.
//!
//! # Time and threads
//!
//! This crate needs and starts no runtime (decision R1). The methods are async because engines on a network wait; the
//! engines of this crate work inside the call, except that a dedicated thread may carry out a commit to [`Sqlite`]: see
//! [`CommitMode`]. [`Storage::commit`] describes what happens to a commit whose future is dropped.
//!
//! # Tests
//!
//! The feature `faults` provides `FaultyStorage`, which wraps an engine in tests of the engine's callers. It counts
//! calls, and fails, pauses or ends as the test has planned.

// The crate documentation links to the SQLite engine even without its feature.
#![cfg_attr(not(feature = "sqlite"), allow(rustdoc::broken_intra_doc_links))]

mod batch;
mod error;
#[cfg(feature = "faults")]
mod faults;
mod layer;
mod memory;
mod range;
mod revision;
mod rewrite;
#[cfg(feature = "sqlite")]
mod sqlite;
mod storage;
mod turn;

pub use batch::{Batch, Expectation, Item, ItemAction};
pub use error::StorageError;
#[cfg(feature = "faults")]
pub use faults::{Fault, FaultyStorage};
pub use layer::{Call, Layered, StorageLayer};
pub use memory::Memory;
pub use range::KeyRange;
pub use revision::Revision;
pub use rewrite::rewrite;
#[cfg(feature = "sqlite")]
pub use sqlite::{CommitMode, Sqlite, SqliteOptions};
pub use storage::{CommitOutcome, Entry, Limits, Pace, Page, Record, Storage};
pub use turn::{Turn, let_others_run};
