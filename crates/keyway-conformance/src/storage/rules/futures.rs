//! Tests futures that are dropped, or no longer polled.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keyway_storage::{Batch, CommitOutcome, Expectation};

use super::{Checked, StorageFixture, broken, ensure, rules, text};

rules! {
    in StorageFixture;
    "STO-019" Must from ["Storage/cancel", "Storage/atomic", "C6"]
        "A commit whose future is dropped after any number of polls took effect as a whole or not at all."
        dropped_commits_are_whole;
    "STO-020" Must from ["R1", "Storage/cancel"]
        "A commit whose future is dropped, or not polled for a while, delays no other caller."
        sleepers_block_no_other_caller;
}

/// The number of cases for dropped commits: a commit is dropped after 0 polls, after 1 poll, and so on. No engine needs
/// more polls, unless it waits to be woken.
const POLLS: usize = 48;
/// The time limit for a commit that was not polled for a while. The commits of other callers have a fifth of this time.
const PATIENCE: Duration = Duration::from_secs(10);

fn pair(number: usize) -> Batch {
    Batch::new().put(format!("pair {number} a"), "x", Expectation::Absent).put(
        format!("pair {number} b"),
        "x",
        Expectation::Absent,
    )
}

/// Polls a future up to `polls` times. Returns the result if the future ended.
fn poll_a_little<F: Future + ?Sized>(mut future: Pin<&mut F>, polls: usize) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}

async fn dropped_commits_are_whole(store: &StorageFixture<'_>) -> Checked {
    for polls in 0..POLLS {
        let ended = poll_a_little(store.store().commit(pair(polls)).as_mut(), polls);
        store.record(&format!("commit pair {polls}, dropped after {polls} polls: {ended:?}"));
        whole(store, polls).await?;
        if matches!(ended, Some(Ok(CommitOutcome::Committed(_)))) {
            store.get(format!("pair {polls} a")).await?.ok_or_else(|| broken("the pair", "nothing"))?;
            // The future ended, so there is no later point at which it can be dropped.
            return Ok(());
        }
    }
    Ok(())
}

/// Demands that the store has both halves of a pair, or neither. Reads several times: the engine may complete a commit
/// after its future was dropped, and the two halves are read one after the other.
async fn whole(store: &StorageFixture<'_>, number: usize) -> Checked {
    const MOST_READS: usize = 12;
    for read in 1.. {
        let first = store.get(format!("pair {number} a")).await?.is_some();
        let second = store.get(format!("pair {number} b")).await?.is_some();
        if first == second {
            return Ok(());
        }
        ensure(read < MOST_READS, "both halves of the pair, or none", format!("{first} and {second}"))?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

async fn sleepers_block_no_other_caller(store: &StorageFixture<'_>) -> Checked {
    for polls in 1..8 {
        drop(poll_a_little(store.store().commit(pair(polls)).as_mut(), polls));
        store.record(&format!("commit pair {polls}, dropped after {polls} polls"));
        in_time(store, format!("after drop {polls}")).await?;

        let mut sleeping = store.store().commit(pair(polls + POLLS));
        let early = poll_a_little(sleeping.as_mut(), polls);
        store.record(&format!("commit pair {}, polled {polls} times and left", polls + POLLS));
        in_time(store, format!("beside {polls}")).await?;
        // Polls the future again after the pause. It must end normally.
        let ended = match early {
            Some(ended) => ended,
            None => tokio::time::timeout(PATIENCE, sleeping)
                .await
                .map_err(|_| broken("an end of the commit that slept", "none in 10 s"))?,
        };
        ensure(matches!(ended, Ok(CommitOutcome::Committed(_))), "the batch committed", text(&ended))?;
    }
    Ok(())
}

/// Demands that the commit of another caller ends in time.
async fn in_time(store: &StorageFixture<'_>, key: String) -> Checked {
    let put = tokio::time::timeout(PATIENCE / 5, store.put(key, "x"));
    put.await.map_err(|_| broken("the next commit within 2 s", "it still waits"))?.map(|_| ())
}
