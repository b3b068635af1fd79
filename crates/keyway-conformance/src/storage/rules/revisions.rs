//! The marks of writes.

use std::collections::HashSet;

use keyway_storage::{Batch, Expectation, Revision};

use super::{StorageSubject, Trial, check};
use crate::storage::opened::Opened;
use crate::storage::subject::PERSISTENT;
use crate::{Broken, Level, Rule, ensure};

pub(super) static RULES: &[Rule<StorageSubject>] = &[
    Rule {
        id: "STO-010",
        level: Level::Must,
        sentence: "Every write has a revision of its own, also a write of the same bytes.",
        clauses: &["Storage/revisions"],
        needs: None,
        check: check!(every_write_has_its_own),
    },
    Rule {
        id: "STO-011",
        level: Level::Must,
        sentence: "A revision never comes back: after a record was removed and made again, what expects the old one is a conflict.",
        clauses: &["Storage/revisions"],
        needs: None,
        check: check!(none_comes_back),
    },
    Rule {
        id: "STO-026",
        level: Level::Must,
        sentence: "No revision comes back after the engine was opened anew.",
        clauses: &["Storage/revisions"],
        needs: Some(PERSISTENT),
        check: check!(none_comes_back_after_reopening),
    },
];

fn fresh(seen: &mut HashSet<Revision>, revision: Revision) -> Result<(), Broken> {
    ensure(seen.insert(revision), "a revision that no other write has", format!("{revision:?} again"))
}

async fn every_write_has_its_own(trial: &Trial<'_>) -> Result<(), Broken> {
    let store = Opened::new(trial)?;
    let mut seen = HashSet::new();
    for round in 0..40 {
        fresh(&mut seen, store.put("same", "bytes").await?)?;
        fresh(&mut seen, store.put(format!("key {}", round % 7), "bytes").await?)?;
    }
    Ok(())
}

async fn none_comes_back(trial: &Trial<'_>) -> Result<(), Broken> {
    let store = Opened::new(trial)?;
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

async fn none_comes_back_after_reopening(trial: &Trial<'_>) -> Result<(), Broken> {
    let mut store = Opened::new(trial)?;
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
