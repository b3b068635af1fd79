//! Tests single items of a batch, and their effect on one record.

use keyway_storage::{Batch, Expectation, KeyRange};

use super::limits::TRIED;
use super::{Checked, StorageFixture, ensure, rules, text};

rules! {
    in StorageFixture;
    "STO-001" Must from ["Storage/get", "Storage/revisions"]
        "A record holds the value that was put, under the revision that its commit returned."
        a_record_holds_what_was_put;
    "STO-002" Must from ["Storage/items"]
        "A put creates or replaces, a delete removes, a check and an empty batch change nothing."
        items_do_what_they_say;
    "STO-003" Must from ["Storage/expectations", "R5"]
        "An item applies exactly if its expectation holds: anything, no record, or the record of that revision."
        expectations_decide;
    "STO-009" Must from ["Storage/keys", "Storage/get"]
        "Every byte string is a key if it is neither empty nor too long, and every one is a value; no other key has a record."
        all_bytes_are_taken;
    "STO-024" Must from ["K1"]
        "The debug form of an engine shows no value."
        debug_forms_show_no_value;
}

async fn a_record_holds_what_was_put(store: &StorageFixture<'_>) -> Checked {
    let long: Vec<u8> = (0..10_000).map(|_| store.random().to_le_bytes()[0]).collect();
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

async fn items_do_what_they_say(store: &StorageFixture<'_>) -> Checked {
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

async fn expectations_decide(store: &StorageFixture<'_>) -> Checked {
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
        // Writes a record only if the token of its lease is unchanged, as the owner of a lease does.
        Batch::new().check("other", other).put("owned", "y", Expectation::Any),
        Batch::new().delete("other", Expectation::Revision(other)),
        Batch::new().put("other", "again", Expectation::Absent),
    ];
    for batch in right {
        store.committed(batch).await?;
    }
    Ok(())
}

async fn all_bytes_are_taken(store: &StorageFixture<'_>) -> Checked {
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
    store.lacks(&vec![b'a'; store.store().limits().key_bytes.min(TRIED) + 1]).await?;
    let none = store.scan(&KeyRange::prefix("b"), None, 10).await?;
    ensure(none.entries.is_empty() && !none.more, "an empty page for a range without records", text(&none))
}

async fn debug_forms_show_no_value(store: &StorageFixture<'_>) -> Checked {
    const CANARY: &str = "canary-7d1f";
    store.put("a", CANARY).await?;
    store.conflict(Batch::new().put("a", CANARY, Expectation::Absent), 0).await?;
    let shown = format!("{:?} {:#?}", store.store(), store.store());
    let numbers = format!("{:?}", CANARY.as_bytes());
    let numbers = numbers.trim_matches(['[', ']']);
    let leaks = shown.contains(CANARY) || shown.contains(numbers);
    ensure(!leaks, "no value in the debug form", "the debug form of the engine holds the value that was put")
}
