//! Tests batches of several items.

use keyway_storage::{Batch, Expectation, StorageError};

use super::{Checked, StorageFixture, rules, unchanged};

rules! {
    in StorageFixture;
    "STO-004" Must from ["Storage/atomic", "C6"]
        "A batch is applied as a whole or not at all: if one expectation fails, nothing changes."
        all_or_none;
    "STO-005" Must from ["Storage/conflict"]
        "A conflict names the first item, in the order of the batch, whose expectation did not hold."
        the_first_conflict_is_named;
    "STO-006" Must from ["Storage/keys", "C5"]
        "An empty key, a duplicate key and a delete of an absent record are each refused by their own error, and nothing is written."
        odd_batches_are_refused;
}

async fn all_or_none(store: &StorageFixture<'_>) -> Checked {
    const ITEMS: usize = 5;
    let revision = store.put("kept", "1").await?;
    store.put("removed", "1").await?;
    let before = store.everything().await?;
    for place in 0..ITEMS {
        let mut batch = Batch::new();
        for item in 0..ITEMS {
            batch = match item {
                _ if item == place => batch.put("kept", "2", Expectation::Absent),
                0 => batch.delete("removed", Expectation::Any),
                _ => batch.put(format!("new {item}"), "2", Expectation::Absent),
            };
        }
        store.conflict(batch, place).await?;
        unchanged(&before, &store.everything().await?)?;
    }
    let all = Batch::new()
        .delete("removed", Expectation::Any)
        .put("kept", "2", Expectation::Revision(revision))
        .put("new", "2", Expectation::Absent);
    let revision = store.committed(all).await?;
    store.lacks(b"removed").await?;
    store.holds(b"kept", b"2", revision).await?;
    store.holds(b"new", b"2", revision).await
}

async fn the_first_conflict_is_named(store: &StorageFixture<'_>) -> Checked {
    let right = store.put("m", "1").await?;
    let wrong = store.put("b", "1").await?;
    // The items are not in key order. After the first conflict there are conflicts of every kind.
    let batch = Batch::new()
        .put("z", "1", Expectation::Any)
        .put("m", "2", Expectation::Revision(right))
        .delete("y", Expectation::Revision(right))
        .put("a", "2", Expectation::Revision(wrong))
        .check("b", right);
    store.conflict(batch, 2).await?;
    let batch =
        Batch::new().put("z", "1", Expectation::Absent).check("b", right).put("m", "2", Expectation::Absent);
    store.conflict(batch, 1).await
}

async fn odd_batches_are_refused(store: &StorageFixture<'_>) -> Checked {
    store.put("a", "1").await?;
    let before = store.everything().await?;
    let start = || Batch::new().put("a", "2", Expectation::Any).put("z", "2", Expectation::Any);
    for batch in [start().put("", "", Expectation::Any), start().delete("", Expectation::Any)] {
        let empty = |error: &StorageError| matches!(error, StorageError::EmptyKey { item: 2 });
        store.refused(&before, batch, "EmptyKey of item 2", empty).await?;
    }
    let duplicate = |error: &StorageError| matches!(error, StorageError::DuplicateKey { item: 2 });
    let batch = start().delete("a", Expectation::Any);
    store.refused(&before, batch, "DuplicateKey of item 2", duplicate).await?;
    let mut many = (0..20).fold(start(), |batch, item| batch.put(format!("k{item}"), "", Expectation::Any));
    many = many.put("k7", "", Expectation::Any);
    let late = |error: &StorageError| matches!(error, StorageError::DuplicateKey { item: 22 });
    store.refused(&before, many, "DuplicateKey of item 22", late).await?;
    let absent = |error: &StorageError| matches!(error, StorageError::DeleteOfAbsent { item: 2 });
    let batch = start().delete("b", Expectation::Absent);
    store.refused(&before, batch, "DeleteOfAbsent of item 2", absent).await
}
