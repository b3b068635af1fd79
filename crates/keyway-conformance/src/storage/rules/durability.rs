//! Tests which data remains when handles and processes end.

use std::fs;
use std::path::Path;

use keyway_storage::{Batch, Entry, Expectation};

use super::{COPYABLE, Checked, PERSISTENT, StorageFixture, broken, ensure, rules, unchanged};

rules! {
    in StorageFixture;
    "STO-021" Must needs PERSISTENT from ["C6"]
        "An engine that is opened again has every acknowledged write, with its revision, and nothing else."
        acknowledged_writes_stay;
    "STO-022" Must needs COPYABLE from ["Storage/crash", "C6"]
        "The files of a killed process hold every acknowledged write and no partial batch."
        a_killed_process_leaves_all;
}

async fn acknowledged_writes_stay(store: &mut StorageFixture<'_>) -> Checked {
    for round in 0..5_u8 {
        let batch = (0..10_u8).fold(Batch::new(), |batch, item| {
            batch.put([round, item], vec![item; usize::from(item) * 100], Expectation::Absent)
        });
        let revision = store.committed(batch).await?;
        store.committed(Batch::new().delete([round, 3], Expectation::Revision(revision))).await?;
        let rewritten = store.put([round, 4], "rewritten").await?;
        let before = store.everything().await?;
        store.reopen()?;
        unchanged(&before, &store.everything().await?)?;
        store.committed(Batch::new().check([round, 5], revision).check([round, 4], rewritten)).await?;
        store.conflict(Batch::new().check([round, 4], revision), 0).await?;
    }
    Ok(())
}

async fn a_killed_process_leaves_all(store: &StorageFixture<'_>) -> Checked {
    for round in 0..8_u8 {
        let size = 1 + usize::try_from(store.random() % 4000).unwrap_or_default();
        let batch = (0..6_u8).fold(Batch::new(), |batch, item| {
            batch.put([round % 3, item], vec![round; size], Expectation::Any)
        });
        store.committed(batch).await?;
        store.delete([round % 3, 9]).await?;
        let before = store.everything().await?;
        // Leaves the handle open, since a killed process does not drop its handles either.
        let copy = tempfile::tempdir().map_err(|error| broken("a folder", error.to_string()))?;
        copy_files(store.folder(), copy.path())
            .map_err(|error| broken("a copy of the files", error.to_string()))?;
        store.record("copy the files, open the copy");
        let left = store.inside(copy)?;
        let found = left.everything().await?;
        halves(&found)?;
        unchanged(&before, &found)?;
        let revision = left.put("after", "the crash").await?;
        left.holds(b"after", b"the crash", revision).await?;
    }
    Ok(())
}

/// Demands that all records of one batch have the same revision and value.
fn halves(entries: &[Entry]) -> Checked {
    for pair in entries.windows(2).filter(|pair| pair[0].key[0] == pair[1].key[0]) {
        ensure(
            pair[0].revision == pair[1].revision && pair[0].value == pair[1].value,
            "whole batches",
            format!("{:?} beside {:?}", pair[0], pair[1]),
        )?;
    }
    Ok(())
}

fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    for file in fs::read_dir(from)? {
        let file = file?;
        let target = to.join(file.file_name());
        if file.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_files(&file.path(), &target)?;
        } else {
            fs::copy(file.path(), target)?;
        }
    }
    Ok(())
}
