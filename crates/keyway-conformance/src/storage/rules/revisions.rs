//! Tests the revisions of records.

use std::collections::HashSet;

use keyway_storage::{Batch, Expectation, Revision};

use super::{Checked, PERSISTENT, StorageFixture, ensure, rules};

rules! {
    in StorageFixture;
    "STO-010" Must from ["Storage/revisions"]
        "Every write gets a new revision, even a write of the same bytes."
        every_write_has_its_own;
    "STO-011" Must from ["Storage/revisions"]
        "A revision is never reused: after a record is removed and created again, expecting the old revision is a conflict."
        none_comes_back;
    "STO-026" Must needs PERSISTENT from ["Storage/revisions"]
        "No revision is reused after the engine is reopened."
        none_comes_back_after_reopening;
}

fn fresh(seen: &mut HashSet<Revision>, revision: Revision) -> Checked {
    ensure(seen.insert(revision), "a revision that no other write has", format!("{revision:?} again"))
}

async fn every_write_has_its_own(store: &StorageFixture<'_>) -> Checked {
    let mut seen = HashSet::new();
    for round in 0..40 {
        fresh(&mut seen, store.put("same", "bytes").await?)?;
        fresh(&mut seen, store.put(format!("key {}", round % 7), "bytes").await?)?;
    }
    Ok(())
}

async fn none_comes_back(store: &StorageFixture<'_>) -> Checked {
    let mut old = Vec::new();
    for _ in 0..12 {
        let revision = store.put("a", "same").await?;
        for earlier in &old {
            store.conflict(Batch::new().check("a", *earlier), 0).await?;
            let overwrite = Batch::new().put("a", "stolen", Expectation::Revision(*earlier));
            store.conflict(overwrite, 0).await?;
        }
        old.push(revision);
        store.committed(Batch::new().delete("a", Expectation::Revision(revision))).await?;
    }
    Ok(())
}

async fn none_comes_back_after_reopening(store: &mut StorageFixture<'_>) -> Checked {
    let mut seen = HashSet::new();
    for _ in 0..6 {
        for key in ["a", "b", "c"] {
            fresh(&mut seen, store.put(key, "same").await?)?;
            store.delete(key).await?;
        }
        store.reopen()?;
    }
    Ok(())
}
