//! Keeps the host's own records. They are sealed at rest, and changed in atomic batches, on the condition that they are
//! unchanged since they were read.

mod counts;
mod entry;
mod error;
mod journal;
mod key;
mod listing;
mod reseal;
mod sealed;
mod stored;
mod turns;

pub use error::RecordError;
pub use reseal::Resealed;

pub(crate) use entry::{Claim, Entry};
pub(crate) use error::{ATTEMPTS, corrupt, random};
pub(crate) use journal::{Applied, Change, Journal, Note};
pub(crate) use key::{Address, NameTag, RecordKind, Room, id_text, read_id};
pub(crate) use listing::Listed;
pub(crate) use sealed::SealedRecords;
pub(crate) use stored::{Due, Names, Recorded, STORED_JSON, Stored, read_code};
