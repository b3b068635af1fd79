//! Atomic conditional batches over ordered keys, and the engines that keep them.

mod batch;
mod error;
mod memory;
mod range;
mod revision;
#[cfg(feature = "sqlite")]
mod sqlite;
mod storage;

pub use batch::{Action, Batch, Expectation, Item};
pub use error::StorageError;
pub use memory::Memory;
pub use range::KeyRange;
pub use revision::Revision;
#[cfg(feature = "sqlite")]
pub use sqlite::{CommitMode, Sqlite, SqliteOptions};
pub use storage::{Entry, Limits, Outcome, Page, Record, Storage};
