//! Rules about concurrent calls, and about the time that calls take.

use std::sync::Arc;

use keyway_credentials::{FetchOutcome, TotpCode};
use tokio::sync::Semaphore;

use super::{Broken, Checked, HELD, NOT_BLOCKING, PROMPT, StoreFixture, broken, ensure, nobody, rules};
use crate::callers::begun_together;
use crate::credentials::given::{self, Answer, name, word};
use crate::polled::{Attempts, CALLERS_TASK, HOST_THREAD, Promptness};
use crate::unique::new_intent;

rules! {
    in StoreFixture;
    "CRE-115" Must from ["R1", "SPS/way"]
        "The store works on as many calls at once as it declares: each fetch is answered."
        together;
    "CRE-116" Must needs HELD from ["R1", "S2", "S10"]
        "Check-outs that are made at once have leases of their own, all of which the vault holds."
        together_exact;
    "CRE-117" Must needs NOT_BLOCKING from ["R1"]
        "A call of a store that does not declare `blocking` leaves its thread within 50 ms, each time that it is polled."
        leaves_its_thread(HOST_THREAD);
    "CRE-118" Must needs PROMPT from ["R1"]
        "A call of a store that declares `prompt` leaves its thread at once, each time that it is polled."
        leaves_its_thread(CALLERS_TASK);
    "CRE-119" Must from ["R1", "S1"]
        "Each fetch ends within 30 seconds, as a host demands: a vault that takes longer is unavailable."
        in_time;
}

/// The number of concurrent calls if the store declares a larger number or no limit.
const MOST: usize = 8;

/// Makes concurrent fetches of the examples. Without examples, it fetches from an account that no store has.
async fn fetched(fixture: &StoreFixture<'_>) -> Result<Vec<Answer>, Broken> {
    let (kind, store) = (fixture.kind()?, fixture.open()?);
    let declared = fixture.declared().max_concurrency;
    let calls = declared.map_or(MOST, |calls| calls.get().min(MOST));
    let permits = Arc::new(Semaphore::new(calls));
    let mut requests = Vec::new();
    // There is one call more than there are permits, so one call has to wait for a permit.
    for number in 0..=calls {
        let session = fixture.session()?;
        let candidate = fixture.example(kind, number).or_else(|_| nobody())?;
        let request = session.request(&candidate)?;
        requests.push((session, request));
    }
    let jobs = requests.iter().map(|(_, request)| {
        let (permits, store, request) = (Arc::clone(&permits), Arc::clone(&store), request.clone());
        move || async move {
            // The semaphore is never closed, so a permit is always given.
            let _permit = permits.acquire_owned().await.ok();
            given::fetch(&*store, kind, &request).await
        }
    });
    let answers = begun_together(jobs.collect()).await;
    let mut all = Vec::new();
    for ((session, request), answer) in requests.iter().zip(answers) {
        let answer = answer?;
        session.keep(kind, request, &answer);
        all.push(answer);
    }
    Ok(all)
}

async fn together(fixture: &StoreFixture<'_>) -> Checked {
    let has_examples = fixture.example(fixture.kind()?, 0).is_ok();
    let mut found = 0;
    for answer in fetched(fixture).await? {
        match answer.map_err(|error| fixture.unexpected("a fetch among others at once", &error))? {
            FetchOutcome::Found(_) => found += 1,
            FetchOutcome::Busy(_) => {}
            _ if !has_examples => {}
            other => return Err(broken("credentials or `Busy` among other fetches at once", word(&other))),
        }
    }
    ensure(found > 0 || !has_examples, "credentials for one of the fetches at once", "`Busy` for all of them")
}

async fn together_exact(fixture: &StoreFixture<'_>) -> Checked {
    let before = fixture.held()?;
    let outcomes = fetched(fixture).await?.into_iter().flatten();
    let leases = outcomes.filter_map(|outcome| outcome.found()?.lease).map(|lease| lease.id);
    let mut ids: Vec<_> = leases.collect();
    let count = ids.len();
    ensure(count > 0, "a lease for one of the check-outs at once", "none")?;
    fixture.more_held(&before, count, "check-outs at once")?;
    ids.sort();
    ids.dedup();
    ensure(ids.len() == count, format!("{count} lease ids"), format!("{} different ones", ids.len()))
}

async fn leaves_its_thread(fixture: &StoreFixture<'_>, demanded: Promptness) -> Checked {
    let session = fixture.session()?;
    for kind in fixture.kinds() {
        let candidate = fixture.example(kind, 0).or_else(|_| nobody())?;
        let what = format!("`{}`", name(kind));
        let mut fetch = Attempts::of(&what, demanded);
        while fetch.another() {
            // A leased account would be busy for the next attempt, and a one-time code is given once.
            fixture.give_all_back().await;
            fixture.clock.advance(TotpCode::USUAL_PERIOD);
            fetch.timed(session.fetch(kind, &candidate)).await.map(drop)?;
        }
        fetch.judged()?;
    }
    for ended in [false, true] {
        let mut tell = Attempts::of("an event", demanded);
        while tell.another() {
            let event = session.event(new_intent(), &[])?;
            tell.timed(session.tell(ended, &event)).await.map(drop)?;
        }
        tell.judged()?;
    }
    Ok(())
}

async fn in_time(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    for kind in fixture.kinds() {
        let candidate = fixture.example(kind, 0).or_else(|_| nobody())?;
        let in_time = fixture.in_time();
        let answer = tokio::time::timeout(in_time, session.fetch(kind, &candidate)).await;
        let late =
            |_| broken(format!("an end of `{}` within {in_time:?}", name(kind)), "it is still running");
        // Other rules check whether the call works.
        drop(answer.map_err(late)??);
    }
    Ok(())
}
