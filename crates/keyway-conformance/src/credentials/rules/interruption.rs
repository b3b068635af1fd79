//! Rules about calls that are dropped at any point where they wait.

use std::time::Duration;

use super::failures::{give_back, settled};
use super::{Broken, Checked, HELD, LEASES, Session, StoreFixture, USED, ensure, nobody, rules};
use crate::credentials::given;
use crate::polled::{answered, polled};

rules! {
    in StoreFixture;
    "CRE-065" Must needs HELD from ["R1", "R2", "R3", "L10"]
        "A fetch that was dropped, wherever it waited, is settled as the store declares, and then no lease is left."
        dropped_fetch;
    "CRE-066" Must needs LEASES from ["R1", "S2", "L9"]
        "After a check-in that was dropped, wherever it waited, the next one succeeds."
        dropped_check_in;
    "CRE-067" Must from ["R1", "SPS/way"]
        "After a fetch that was dropped, wherever it waited, the same handle answers the next one."
        next_fetch;
}

/// The number of times that a call is dropped. Each time it is dropped one poll later.
const POLLS: usize = 8;

/// Drops a call after the given number of polls. Tells whether the call ended before it was dropped.
async fn dropped<T>(session: &Session<'_, '_>, polls: usize, call: impl Future<Output = T> + Send) -> bool {
    let answer = tokio::time::timeout(Duration::from_secs(5), polled(polls, call)).await;
    session.history().record(format!("dropped after {polls} polls"));
    answer.is_ok_and(|answer| answer.is_some())
}

async fn dropped_fetch(fixture: &StoreFixture<'_>) -> Checked {
    let (kind, before) = (fixture.kind()?, fixture.held()?);
    for polls in 1..=POLLS {
        // The cookies of the dropped call are lost, as when the host dies. The session keeps its earlier cookies.
        let session = fixture.session()?;
        let fetch = session.request(&fixture.example(kind, 0)?)?;
        let store = fixture.open()?;
        let is_done = dropped(&session, polls, given::fetch(&*store, kind, &fetch)).await;
        if let Some(lease) = settled(&session, kind, &fetch).await? {
            give_back(&session, &fetch, lease).await?;
        }
        fixture.more_held(&before, 0, &format!("a fetch dropped after {polls} polls was settled"))?;
        if is_done {
            break;
        }
    }
    Ok(())
}

async fn dropped_check_in(fixture: &StoreFixture<'_>) -> Checked {
    let store = fixture.open()?;
    for polls in 1..=POLLS {
        let session = fixture.session()?;
        let out = session.example_found(0).await?;
        let check_in = session.check_in(&out, USED)?;
        let is_done = dropped(&session, polls, store.check_in(&check_in)).await;
        let what = "a lease whose check-in was dropped";
        let again = answered(store.check_in(&check_in), fixture.in_time(), "check_in", what).await?;
        again.map_err(|error| fixture.unexpected("the next check-in", &error))?;
        if let Ok(held) = fixture.held() {
            let is_held = held.contains(&check_in.lease.id.to_string());
            ensure(!is_held, "the lease given back by the next check-in", "it is still held")?;
        }
        if is_done {
            break;
        }
    }
    Ok(())
}

async fn next_fetch(fixture: &StoreFixture<'_>) -> Checked {
    let (kind, store) = (fixture.kind()?, fixture.open()?);
    let candidate = nobody()?;
    for polls in 1..=POLLS {
        let session = fixture.session()?;
        let is_done =
            dropped(&session, polls, given::fetch(&*store, kind, &session.request(&candidate)?)).await;
        let request = session.request(&candidate)?;
        let next = given::fetch(&*store, kind, &request);
        let what = "an account whose fetch was dropped";
        let answer = answered(next, fixture.in_time(), given::name(kind), what).await?;
        answer.map_err(|error| fixture.unexpected("the next fetch", &error))?;
        if is_done {
            break;
        }
    }
    Ok::<(), Broken>(())
}
