//! Atomic conditional batches over ordered keys, and the engines that keep them.

mod batch;
mod error;
mod memory;
mod range;
mod revision;
mod storage;

pub use batch::{Action, Batch, Expectation, Item};
pub use error::StorageError;
pub use memory::Memory;
pub use range::KeyRange;
pub use revision::Revision;
pub use storage::{Entry, Limits, Outcome, Page, Record, Storage};
