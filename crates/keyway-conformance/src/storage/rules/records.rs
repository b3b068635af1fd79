//! What one item does to one record.

use keyway_storage::{Batch, Expectation, KeyRange};

use super::{StorageSubject, Trial, check};
use crate::storage::opened::{Opened, text};
use crate::{Broken, Level, Rule, ensure};

pub(super) static RULES: &[Rule<StorageSubject>] = &[
    Rule {
        id: "STO-001",
        level: Level::Must,
        sentence: "A record holds what was put, under the revision that its commit answered.",
        clauses: &["Storage/get", "Storage/revisions"],
        needs: None,
        check: check!(a_record_holds_what_was_put),
    },
    Rule {
        id: "STO-002",
        level: Level::Must,
        sentence: "A put creates or replaces, a delete removes, a check and an empty batch change nothing.",
        clauses: &["Storage/items"],
        needs: None,
        check: check!(items_do_what_they_say),
    },
    Rule {
        id: "STO-003",
        level: Level::Must,
        sentence: "An item applies exactly if its expectation holds: anything, no record, or the record of that revision.",
        clauses: &["Storage/expectations", "R5"],
        needs: None,
        check: check!(expectations_decide),
    },
    Rule {
        id: "STO-009",
        level: Level::Must,
        sentence: "Every byte string is a key if it is neither empty nor too long, and every one is a value; no other key has a record.",
        clauses: &["Storage/keys", "Storage/get"],
        needs: None,
        check: check!(all_bytes_are_taken),
    },
    Rule {
        id: "STO-024",
        level: Level::Must,
        sentence: "The debug form of an engine shows no value.",
        clauses: &["K1"],
        needs: None,
        check: check!(debug_forms_show_no_value),
    },
];

async fn a_record_holds_what_was_put(trial: &Trial<'_>) -> Result<(), Broken> {
    let store = Opened::new(trial)?;
    let long: Vec<u8> = (0..10_000).map(|_| trial.random().to_le_bytes()[0]).collect();
    let batch = Batch::new().put("one", "1", Expectation::Absent).put("none", "", Expectation::Any).put(
        "long",
        long.clone(),
        Expectation::Absent,
    );
    let revision = store.committed(batch).await?;
    store.holds(b"one", b"1", revision).await?;
    store.holds(b"none", b"", revision).await?;
    store.holds(b"long", &long, revision).await?;
    for entry in store.everything().await? {
        ensure(entry.revision == revision, format!("{revision:?} also in a scan"), text(&entry))?;
    }
    store.lacks(b"on").await?;
    store.lacks(b"one ").await
}

async fn items_do_what_they_say(trial: &Trial<'_>) -> Result<(), Broken> {
    let store = Opened::new(trial)?;
    let first = store.put("a", "first").await?;
    let other = store.put("b", "other").await?;
    store.committed(Batch::new()).await?;
    store.committed(Batch::new().check("a", first)).await?;
    store.holds(b"a", b"first", first).await?;
    let second = store.committed(Batch::new().put("a", "second", Expectation::Revision(first))).await?;
    store.holds(b"a", b"second", second).await?;
    let third = store.put("a", "").await?;
    store.holds(b"a", b"", third).await?;
    store.delete("a").await?;
    store.lacks(b"a").await?;
    store.delete("a").await?;
    store.lacks(b"a").await?;
    store.holds(b"b", b"other", other).await?;
    let left = store.everything().await?;
    ensure(left.len() == 1 && left[0].key == b"b", "only b left in a scan", text(&left))
}

async fn expectations_decide(trial: &Trial<'_>) -> Result<(), Broken> {
    let store = Opened::new(trial)?;
    let there = store.put("there", "x").await?;
    let other = store.put("other", "x").await?;
    let wrong = [
        Batch::new().put("there", "y", Expectation::Absent),
        Batch::new().put("there", "y", Expectation::Revision(other)),
        Batch::new().put("gone", "y", Expectation::Revision(there)),
        Batch::new().delete("there", Expectation::Revision(other)),
        Batch::new().delete("gone", Expectation::Revision(other)),
        Batch::new().check("there", other),
        Batch::new().check("gone", other),
    ];
    for batch in wrong {
        store.conflict(batch, 0).await?;
    }
    let right = [
        Batch::new().check("there", there).check("other", other),
        Batch::new().delete("gone", Expectation::Any),
        Batch::new().put("new", "y", Expectation::Absent),
        Batch::new().put("there", "y", Expectation::Revision(there)).check("other", other),
        Batch::new().put("there", "z", Expectation::Any),
        // The owner of a lease writes under its token.
        Batch::new().check("other", other).put("owned", "y", Expectation::Any),
        Batch::new().delete("other", Expectation::Revision(other)),
        Batch::new().put("other", "again", Expectation::Absent),
    ];
    for batch in right {
        store.committed(batch).await?;
    }
    Ok(())
}

async fn all_bytes_are_taken(trial: &Trial<'_>) -> Result<(), Broken> {
    let store = Opened::new(trial)?;
    let all: Vec<u8> = (0..=255).collect();
    let keys: [&[u8]; 8] = [&[0], &[0, 0], &[0, 1], b"a", b"a\0", b"a\0b", &[255, 255], &all];
    let mut revisions = Vec::new();
    for key in keys {
        revisions.push(store.put(key, key).await?);
    }
    for (key, revision) in keys.iter().zip(&revisions) {
        store.holds(key, key, *revision).await?;
    }
    let found: Vec<Vec<u8>> = store.everything().await?.into_iter().map(|entry| entry.key).collect();
    ensure(found.len() == keys.len(), format!("{} records", keys.len()), text(&found))?;
    for odd in ["A", "a ", ""] {
        store.lacks(odd.as_bytes()).await?;
    }
    store.lacks(&vec![b'a'; store.store().limits().key_bytes + 1]).await?;
    let none = store.scan(&KeyRange::prefix("b"), None, 10).await?;
    ensure(none.entries.is_empty() && !none.more, "an empty page for a range without records", text(&none))
}

async fn debug_forms_show_no_value(trial: &Trial<'_>) -> Result<(), Broken> {
    const CANARY: &str = "canary-7d1f";
    let store = Opened::new(trial)?;
    store.put("a", CANARY).await?;
    store.conflict(Batch::new().put("a", CANARY, Expectation::Absent), 0).await?;
    let shown = format!("{:?} {:#?}", store.store(), store.store());
    let numbers = format!("{:?}", CANARY.as_bytes());
    let numbers = numbers.trim_matches(['[', ']']);
    let leaks = shown.contains(CANARY) || shown.contains(numbers);
    ensure(!leaks, "no value in the debug form", "the debug form of the engine holds the value that was put")
}
