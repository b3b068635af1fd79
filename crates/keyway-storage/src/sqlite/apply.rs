//! One batch, inside a transaction that is open.

use rusqlite::{Connection, OptionalExtension, params};

use super::connection::{checksum, failure};
use crate::{Action, Batch, Expectation, Item, Revision, StorageError};

const REVISION: &str = "SELECT revision FROM records WHERE key = ?1";
const INSERT: &str = "INSERT INTO records (key, revision, checksum, value) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (key) DO NOTHING";
const UPSERT: &str = "INSERT INTO records (key, revision, checksum, value) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (key) DO UPDATE SET \
     revision = excluded.revision, checksum = excluded.checksum, value = excluded.value";
const UPDATE: &str =
    "UPDATE records SET revision = ?2, checksum = ?3, value = ?4 WHERE key = ?1 AND revision = ?5";
const DELETE: &str = "DELETE FROM records WHERE key = ?1";
const DELETE_REVISION: &str = "DELETE FROM records WHERE key = ?1 AND revision = ?2";

/// What applying a batch came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// Everything is in the transaction.
    All,
    /// The first item whose expectation did not hold. What the batch wrote before it was
    /// noticed must be undone, unless [`conflicts_before_writing`].
    Conflict { item: usize },
}

/// The order in which items are applied: what can fail comes before what cannot, and what
/// does not write before what does.
fn rank(item: &Item) -> u8 {
    match (item.action(), item.expectation()) {
        (Action::Check, _) => 0,
        (_, Expectation::Any) => 2,
        _ => 1,
    }
}

/// Whether a conflict of this batch is always noticed before it wrote anything: then nothing
/// has to be undone. True for the usual batch, one conditional write and checks.
pub(super) fn conflicts_before_writing(batch: &Batch) -> bool {
    batch.items().iter().filter(|item| rank(item) == 1).count() <= 1
}

/// Applies the items of `batch`, whose keys are all different.
///
/// A conditional write is one statement that writes only when the expectation holds, so
/// it costs one search of the tree and not two.
pub(super) fn apply(
    connection: &Connection,
    batch: &Batch,
    revision: Revision,
) -> Result<Applied, StorageError> {
    for wanted in 0..=2 {
        for (place, item) in batch.items().iter().enumerate().filter(|(_, item)| rank(item) == wanted) {
            if !apply_item(connection, item, revision)? {
                return first_conflict(connection, batch, place, wanted)
                    .map(|item| Applied::Conflict { item });
            }
        }
    }
    Ok(Applied::All)
}

/// Whether the expectation held.
fn apply_item(connection: &Connection, item: &Item, revision: Revision) -> Result<bool, StorageError> {
    let key = item.key();
    let changed = match (item.action(), item.expectation()) {
        (Action::Check, expectation) => return Ok(expectation.is_met_by(find(connection, key)?)),
        (Action::Put { value }, expectation) => {
            let bits = revision.to_bits();
            let sum = checksum(key, bits, value);
            let bits = bits.cast_signed();
            match expectation {
                Expectation::Absent => prepared(connection, INSERT, params![key, bits, sum, value])?,
                Expectation::Any => prepared(connection, UPSERT, params![key, bits, sum, value])?,
                Expectation::Revision(expected) => {
                    let expected = expected.to_bits().cast_signed();
                    prepared(connection, UPDATE, params![key, bits, sum, value, expected])?
                }
            }
        }
        (Action::Delete, Expectation::Revision(expected)) => {
            prepared(connection, DELETE_REVISION, params![key, expected.to_bits().cast_signed()])?
        }
        // A delete that expects absence was refused by `Batch::validate`.
        (Action::Delete, Expectation::Any | Expectation::Absent) => {
            prepared(connection, DELETE, params![key])?;
            return Ok(true);
        }
    };
    Ok(changed == 1)
}

/// The lowest place of an item whose expectation does not hold, when the one at `failed` does
/// not: those that were applied did hold, the others are looked at now. The batch has
/// not touched their records, because no key comes twice.
fn first_conflict(
    connection: &Connection,
    batch: &Batch,
    failed: usize,
    reached: u8,
) -> Result<usize, StorageError> {
    for (place, item) in batch.items()[..failed].iter().enumerate() {
        if rank(item) > reached && !item.expectation().is_met_by(find(connection, item.key())?) {
            return Ok(place);
        }
    }
    Ok(failed)
}

fn find(connection: &Connection, key: &[u8]) -> Result<Option<Revision>, StorageError> {
    let broken = |error| failure("read a revision", error);
    let mut statement = connection.prepare_cached(REVISION).map_err(broken)?;
    let bits: Option<i64> = statement.query_row([key], |row| row.get(0)).optional().map_err(broken)?;
    Ok(bits.map(|bits| Revision::from_bits(bits.cast_unsigned())))
}

fn prepared(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<usize, StorageError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(values))
        .map_err(|error| failure("write a record", error))
}
