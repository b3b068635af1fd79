//! Rules about reconciliation, by which a host asks what the outcome of a call was.

use keyway_credentials::{CheckIn, IntendedCall, Reconciled};

use super::failures::give_back;
use super::{Broken, Checked, RECONCILES, Session, StoreFixture, USED, ensure, nobody, rules};
use crate::credentials::given::name;

rules! {
    in StoreFixture;
    "CRE-070" Must needs RECONCILES from ["R2", "S2"]
        "Asked what became of a fetch, the store names the lease that it gave, or tells that nothing happened."
        fetches;
    "CRE-071" Must needs RECONCILES from ["R2", "L10"]
        "A lease that the host learned of by asking is checked in, with the cookies from before the fetch."
        lost_cookies;
    "CRE-072" Must needs RECONCILES from ["R2", "S2"]
        "Asked what became of a check-in, the store tells a lease that is held from one that was given back."
        check_ins;
    "CRE-073" Must needs RECONCILES from ["R2"]
        "Asking what became of a call checks nothing out, and nothing in."
        without_effect;
    "CRE-074" Must needs RECONCILES from ["R2", "H294"]
        "After the answer that nothing happened, a late fetch with that intent checks nothing out."
        late_fetches;
}

async fn told(session: &Session<'_, '_>, call: IntendedCall) -> Result<Reconciled, Broken> {
    let answer = session.open()?.reconcile(&call.into()).await;
    session.record("reconcile", &answer.as_ref().map(word));
    answer.map_err(|error| session.unexpected("reconcile", &error))
}

/// Returns the name of an answer, without its lease.
const fn word(answer: &Reconciled) -> &'static str {
    match answer {
        Reconciled::NothingHappened => "that nothing happened",
        Reconciled::Made(_) => "that a lease was given",
        Reconciled::Destroyed => "that the lease was given back",
        _ => "that it is not known",
    }
}

async fn must_tell(session: &Session<'_, '_>, call: IntendedCall, expected: &Reconciled) -> Checked {
    let answer = told(session, call).await?;
    let same = match (&answer, expected) {
        (Reconciled::Made(lease), Reconciled::Made(expected)) => lease.id == expected.id,
        _ => answer == *expected,
    };
    ensure(same, word(expected), format!("{}, or another lease", word(&answer)))
}

async fn fetches(fixture: &StoreFixture<'_>) -> Checked {
    let (kind, session) = (fixture.kind()?, fixture.session()?);
    let never = session.request(&fixture.example(kind, 0)?)?;
    must_tell(&session, IntendedCall::Fetch(kind, never), &Reconciled::NothingHappened).await?;
    let fetch = session.request(&fixture.example(kind, 0)?)?;
    let answer = session.ask(kind, &fetch).await?;
    let outcome = answer.map_err(|error| fixture.unexpected(name(kind), &error))?;
    let lease = outcome.found().and_then(|found| found.lease);
    let lease = lease.ok_or(Broken::Missing { capability: "a lease" })?;
    must_tell(&session, IntendedCall::Fetch(kind, fetch), &Reconciled::Made(lease)).await?;
    let vain = session.request(&nobody()?)?;
    drop(session.ask(kind, &vain).await?);
    must_tell(&session, IntendedCall::Fetch(kind, vain), &Reconciled::NothingHappened).await
}

async fn lost_cookies(fixture: &StoreFixture<'_>) -> Checked {
    let (kind, session) = (fixture.kind()?, fixture.session()?);
    let before = session.context()?;
    let fetch = session.request(&fixture.example(kind, 0)?)?;
    drop(session.ask(kind, &fetch).await?);
    // Simulates a host that died before it stored the new cookies: it has the cookies from before the call.
    session.store(&before);
    let mut question = fetch.clone();
    question.session = session.context()?;
    match told(&session, IntendedCall::Fetch(kind, question)).await? {
        Reconciled::Made(lease) => {
            session.store(&before);
            give_back(&session, &fetch, lease).await
        }
        _ => Err(Broken::Missing { capability: "a lease that is learned of" }),
    }
}

async fn check_ins(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    let out = session.example_found(0).await?;
    let check_in: CheckIn = session.check_in(&out, USED)?;
    let call = || IntendedCall::CheckIn(check_in.clone());
    must_tell(&session, call(), &Reconciled::NothingHappened).await?;
    session.give_back(&check_in).await?.map_err(|error| fixture.unexpected("the check-in", &error))?;
    must_tell(&session, call(), &Reconciled::Destroyed).await
}

async fn without_effect(fixture: &StoreFixture<'_>) -> Checked {
    let (kind, session) = (fixture.kind()?, fixture.session()?);
    let out = session.example_found(0).await?;
    let before = fixture.held()?;
    let never = session.request(&fixture.example(kind, 1)?)?;
    told(&session, IntendedCall::Fetch(kind, never)).await?;
    told(&session, IntendedCall::CheckIn(session.check_in(&out, USED)?)).await?;
    ensure(fixture.held()? == before, "the same leases held as before", "others, after `reconcile`")
}

async fn late_fetches(fixture: &StoreFixture<'_>) -> Checked {
    let (kind, session) = (fixture.kind()?, fixture.session()?);
    let fetch = session.request(&fixture.example(kind, 0)?)?;
    must_tell(&session, IntendedCall::Fetch(kind, fetch.clone()), &Reconciled::NothingHappened).await?;
    // Simulates a suspended process, whose call reaches the store only after the question.
    let answer = session.ask(kind, &fetch).await?;
    let given = answer
        .ok()
        .and_then(keyway_credentials::FetchOutcome::found)
        .is_some_and(|found| found.lease.is_some());
    ensure(
        !given,
        "no lease, since the host was told that there is none",
        "a lease, which the host does not know",
    )?;
    // If the late fetch failed, it may have left a lease, too. So the store is asked again.
    must_tell(&session, IntendedCall::Fetch(kind, fetch), &Reconciled::NothingHappened).await
}
