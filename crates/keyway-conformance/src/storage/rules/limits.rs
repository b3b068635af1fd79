//! Tests the limits of an engine.

use keyway_storage::{Batch, Expectation, Limits, StorageError};

use super::{Checked, StorageFixture, ensure, rules, text};

rules! {
    in StorageFixture;
    "STO-007" Must from ["Storage/too-much", "Storage/limits", "C5"]
        "A batch that exceeds the engine's limits is refused by the matching error, and nothing is written."
        too_much_is_refused;
    "STO-008" Must from ["Storage/limits"]
        "The limits do not change, are at least those of every engine (128 items, 1 MiB), and a batch within them is accepted."
        the_minimum_is_taken;
}

/// The largest size that is tried, in bytes. A test of a larger limit would mainly test the machine.
pub(super) const TRIED: usize = 64 << 20;

async fn too_much_is_refused(store: &StorageFixture<'_>) -> Checked {
    store.put("a", "1").await?;
    let before = store.everything().await?;
    let limits = store.store().limits();
    let start = || Batch::new().put("a", "2", Expectation::Any);

    if limits.key_bytes < TRIED {
        let batch = start().put(vec![1; limits.key_bytes + 1], "", Expectation::Any);
        let right = |error: &StorageError| matches!(error, StorageError::KeyTooLarge { item: 1, .. });
        store.refused(&before, batch, "KeyTooLarge of item 1", right).await?;
    }
    if limits.items_per_batch < TRIED / 64 {
        let batch = (0..limits.items_per_batch)
            .fold(start(), |batch, item| batch.put(item.to_be_bytes(), "", Expectation::Any));
        let right = |error: &StorageError| matches!(error, StorageError::TooManyItems { .. });
        store.refused(&before, batch, "TooManyItems", right).await?;
    }
    if limits.value_bytes < TRIED {
        let batch = start().put("b", vec![0; limits.value_bytes + 1], Expectation::Any);
        let right = |error: &StorageError| matches!(error, StorageError::ValueTooLarge { item: 1, .. });
        store.refused(&before, batch, "ValueTooLarge of item 1", right).await?;
    }
    let values = limits.batch_bytes / limits.value_bytes.max(1) + 1;
    if limits.batch_bytes < TRIED && values < limits.items_per_batch {
        let batch = (0..values).fold(start(), |batch, item| {
            batch.put(item.to_be_bytes(), vec![0; limits.value_bytes], Expectation::Any)
        });
        let right = |error: &StorageError| matches!(error, StorageError::BatchTooLarge { .. });
        store.refused(&before, batch, "BatchTooLarge", right).await?;
    }
    Ok(())
}

async fn the_minimum_is_taken(store: &StorageFixture<'_>) -> Checked {
    let limits = store.store().limits();
    ensure(limits.cover(&Limits::MINIMUM), format!("at least {:?}", Limits::MINIMUM), text(&limits))?;
    let key = vec![b'k'; limits.key_bytes.min(TRIED)];
    let longest = limits.value_bytes.min(limits.batch_bytes.saturating_sub(key.len())).min(TRIED);
    let value: Vec<u8> = (0..longest).map(|place| (place * 31).to_le_bytes()[place % 2]).collect();
    let revision = store.put(key.clone(), value.clone()).await?;
    store.holds(&key, &value, revision).await?;
    let many = (0..limits.items_per_batch.min(10_000))
        .fold(Batch::new(), |batch, item| batch.put(item.to_be_bytes(), "v", Expectation::Absent));
    let items = many.items().len();
    store.committed(many).await?;
    let found = store.everything().await?.len();
    ensure(found == items + 1, format!("{} records", items + 1), format!("{found} records"))?;
    ensure(store.store().limits() == limits, text(&limits), text(&store.store().limits()))
}
