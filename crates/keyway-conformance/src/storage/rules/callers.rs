//! Tests concurrent callers, and their effects on each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Storage, StorageError};

use super::{Broken, Checked, SHARED, StorageFixture, broken, ensure, rules, text};
use crate::callers::begun_together;
use crate::races::MOST_LOST_RACES;

rules! {
    in StorageFixture;
    "STO-015" Must from ["Storage/scan", "Storage/atomic"]
        "One page is a snapshot: it shows every batch as a whole or not at all."
        a_page_is_a_snapshot;
    "STO-016" Must from ["Storage/contention", "C6"]
        "Callers that read, decide and write at the same time lose no update."
        no_update_is_lost;
    "STO-017" Should from ["Storage/fairness", "R1"]
        "No caller starves while others are served."
        no_caller_starves;
    "STO-018" Should from ["Storage/neighbours"]
        "Records of 1 MiB among small ones do not make reading the small ones slow."
        large_neighbours_slow_nobody;
    "STO-025" Must needs SHARED from ["Storage/get", "C6"]
        "All handles are one store: each sees acknowledged writes of the others at once, and their expectations count."
        handles_are_one_store;
}

const CALLERS: usize = 4;

/// Runs `caller` on several threads that start together. Waits for all of them.
async fn together<T: Send + 'static, F: Future<Output = Result<T, Broken>>>(
    store: &StorageFixture<'_>,
    caller: impl Fn(usize, Arc<dyn Storage>) -> F + Copy + Send + 'static,
) -> Result<Vec<T>, Broken> {
    let call = |number| {
        let store = Arc::clone(store.store());
        move || caller(number, store)
    };
    begun_together((0..CALLERS).map(call).collect()).await.into_iter().map(Result::flatten).collect()
}

#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn failed(error: StorageError) -> Broken {
    broken("an answer", format!("{error:?}"))
}

async fn a_page_is_a_snapshot(store: &StorageFixture<'_>) -> Checked {
    const LENGTH: Duration = Duration::from_millis(150);
    store.committed(pair(0)).await?;
    store.record("for 150 ms caller 0 writes pairs of the same number, and callers 1 to 3 scan them");
    together(store, async |number, store| {
        let begun = Instant::now();
        for round in 1.. {
            if begun.elapsed() > LENGTH {
                break;
            }
            if number == 0 {
                let outcome = store.commit(pair(round)).await.map_err(failed)?;
                ensure(matches!(outcome, CommitOutcome::Committed(_)), "committed", text(&outcome))?;
                continue;
            }
            let page = store.scan(&KeyRange::prefix("pair"), None, 2).await.map_err(failed)?;
            // An engine may return shorter pages than requested.
            if let [first, second] = page.entries.as_slice() {
                ensure(
                    first.value == second.value && first.revision == second.revision,
                    "both halves of one batch on a page",
                    format!(
                        "{first:?} and {second:?}, with the values {:?} and {:?}",
                        first.value, second.value
                    ),
                )?;
            }
        }
        Ok(())
    })
    .await
    .map(drop)
}

fn pair(round: u32) -> Batch {
    Batch::new().put("pair 1", round.to_be_bytes(), Expectation::Any).put(
        "pair 2",
        round.to_be_bytes(),
        Expectation::Any,
    )
}

async fn no_update_is_lost(store: &StorageFixture<'_>) -> Checked {
    const EACH: u64 = 30;
    store.put("counter", 0_u64.to_be_bytes()).await?;
    store.record("4 callers add 1 to a counter 30 times each, expecting the revision that they read");
    together(store, async |_, store| {
        for _ in 0..EACH {
            let mut lost = 0;
            while !incremented(&store).await? {
                lost += 1;
                let expected = "a commit, since a caller is faster only if it commits itself";
                ensure(lost < MOST_LOST_RACES, expected, format!("{lost} conflicts one after the other"))?;
            }
        }
        Ok(())
    })
    .await?;
    let value = counter(store.get("counter").await?.map(|record| record.value).unwrap_or_default());
    let expected = EACH * CALLERS as u64;
    ensure(value == Some(expected), format!("a counter of {expected}"), format!("{value:?}"))
}

async fn incremented(store: &Arc<dyn Storage>) -> Result<bool, Broken> {
    let record = store.get(b"counter").await.map_err(failed)?;
    let record = record.ok_or_else(|| broken("the counter", "no record"))?;
    let value = counter(record.value).ok_or_else(|| broken("8 bytes", "another value"))?;
    let next = (value + 1).to_be_bytes();
    let batch = Batch::new().put("counter", next, Expectation::Revision(record.revision));
    Ok(matches!(store.commit(batch).await.map_err(failed)?, CommitOutcome::Committed(_)))
}

fn counter(value: Vec<u8>) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

async fn no_caller_starves(store: &StorageFixture<'_>) -> Checked {
    /// A caller starves if it makes fewer commits than the mean divided by this number.
    const SHARE: u64 = 25;
    /// The number of attempts. A busy machine may delay one caller in one attempt, but not in all of them.
    const TRIES: usize = 3;
    store.record("4 callers commit to keys of their own for 400 ms");
    let mut counts = Vec::new();
    for _ in 0..TRIES {
        counts = together(store, async |number, store| {
            let (begun, mut commits) = (Instant::now(), 0_u64);
            while begun.elapsed() < Duration::from_millis(400) {
                let key = format!("caller {number}");
                let batch = Batch::new().put(key, commits.to_be_bytes(), Expectation::Any);
                let outcome = store.commit(batch).await.map_err(failed)?;
                ensure(matches!(outcome, CommitOutcome::Committed(_)), "committed", text(&outcome))?;
                commits += 1;
            }
            Ok(commits)
        })
        .await?;
        let mean = counts.iter().sum::<u64>() / CALLERS as u64;
        if counts.iter().all(|count| count * SHARE >= mean) {
            return Ok(());
        }
    }
    Err(broken(
        format!("every caller with at least 1/{SHARE} of the mean"),
        format!("{counts:?} commits by caller"),
    ))
}

async fn large_neighbours_slow_nobody(store: &StorageFixture<'_>) -> Checked {
    const SMALL: u8 = 60;
    const RATIO: u32 = 8;
    /// A read that takes less time than this never counts as slow, even if it takes `RATIO` times as long as without
    /// large values.
    const FLOOR: Duration = Duration::from_micros(250);
    for item in 0..SMALL {
        store.put([b's', item], [item; 40]).await?;
    }
    let before = slowest(store, SMALL).await?;
    for item in (0..SMALL).step_by(6) {
        store.put([b's', item, b'l'], vec![item; 1 << 20]).await?;
    }
    let mut after = slowest(store, SMALL).await?;
    let bound = (before * RATIO).max(FLOOR);
    if after > bound {
        // Measures once more, in case another program used the processor during the first measurement.
        after = after.min(slowest(store, SMALL).await?);
    }
    ensure(
        after <= bound,
        format!("at most {bound:?} ({before:?} without large values)"),
        format!("{after:?}"),
    )
}

/// Returns the read time of the small key that is slowest to read. For each key only its fastest read counts, since
/// other programs may use the processor at the same time.
async fn slowest(store: &StorageFixture<'_>, small: u8) -> Result<Duration, Broken> {
    let mut slowest = Duration::ZERO;
    for item in 0..small {
        let mut fastest = Duration::MAX;
        for _ in 0..9 {
            let begun = Instant::now();
            let found = store.store().get(&[b's', item]).await.map_err(failed)?;
            fastest = fastest.min(begun.elapsed());
            ensure(found.is_some(), "a record", "none")?;
        }
        slowest = slowest.max(fastest);
    }
    store.record(&format!("get of the slowest of {small} small records, at its fastest: {slowest:?}"));
    Ok(slowest)
}

async fn handles_are_one_store(store: &StorageFixture<'_>) -> Checked {
    let other = store.beside()?;
    for round in 0..10 {
        let value = format!("{round}");
        let revision = store.put("a", value.clone()).await?;
        other.holds(b"a", value.as_bytes(), revision).await?;
        let batch = Batch::new().put("a", "other", Expectation::Revision(revision));
        let theirs = other.committed(batch).await?;
        store.conflict(Batch::new().put("a", "lost", Expectation::Revision(revision)), 0).await?;
        store.holds(b"a", b"other", theirs).await?;
        other.delete("a").await?;
        store.lacks(b"a").await?;
        let found = store.everything().await?;
        ensure(found.is_empty(), "no records", text(&found))?;
    }
    Ok(())
}
