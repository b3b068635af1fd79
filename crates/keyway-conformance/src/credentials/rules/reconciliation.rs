//! Rules about reconciliation, by which a host asks what the outcome of a call was.

use keyway_core::PluginError as _;
use keyway_credentials::{CheckIn, CredentialError, IntendedCall, Reconciled};

use super::failures::give_back;
use super::{Broken, Checked, RECONCILES, Session, StoreFixture, USED, ensure, nobody, rules};
use crate::credentials::given::name;
use crate::patience::{CANNOT_REFUSE, Patience};

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

/// Asks what became of a call, and again after a temporary error.
pub(super) async fn told(
    session: &Session<'_, '_>,
    call: IntendedCall,
    patience: &mut Patience,
) -> Result<Result<Reconciled, CredentialError>, Broken> {
    let question = call.into();
    loop {
        let answer = session.open()?.reconcile(&question).await;
        session.record("reconcile", &answer.as_ref().map(word));
        match answer {
            Err(error) if patience.waits_out(&error, |delay| session.clock.advance(delay)).await => {}
            answer => return Ok(answer),
        }
    }
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

async fn must_tell(
    session: &Session<'_, '_>,
    call: IntendedCall,
    expected: &Reconciled,
    patience: &mut Patience,
) -> Checked {
    let answer = match told(session, call, patience).await? {
        Ok(answer) => answer,
        Err(error) if error.kind().is_retryable() && *expected == Reconciled::NothingHappened => {
            return Err(CANNOT_REFUSE);
        }
        Err(error) => return Err(session.unexpected("reconcile", &error)),
    };
    let same = match (&answer, expected) {
        (Reconciled::Made(lease), Reconciled::Made(expected)) => lease.id == expected.id,
        _ => answer == *expected,
    };
    ensure(same, word(expected), format!("{}, or another lease", word(&answer)))
}

async fn fetches(fixture: &StoreFixture<'_>) -> Checked {
    let (kind, session, mut patience) = (fixture.kind()?, fixture.session()?, Patience::default());
    let fetch = session.request(&fixture.example(kind, 0)?)?;
    let answer = session.ask(kind, &fetch).await?;
    let outcome = answer.map_err(|error| fixture.unexpected(name(kind), &error))?;
    let lease = outcome.found().and_then(|found| found.lease);
    let lease = lease.ok_or(Broken::Missing { capability: "a lease" })?;
    let made = Reconciled::Made(lease);
    must_tell(&session, IntendedCall::Fetch(kind, fetch), &made, &mut patience).await?;
    let vain = session.request(&nobody()?)?;
    drop(session.ask(kind, &vain).await?);
    let never = session.request(&fixture.example(kind, 0)?)?;
    for fetch in [vain, never] {
        let call = IntendedCall::Fetch(kind, fetch);
        must_tell(&session, call, &Reconciled::NothingHappened, &mut patience).await?;
    }
    Ok(())
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
    match told(&session, IntendedCall::Fetch(kind, question), &mut Patience::default()).await? {
        Ok(Reconciled::Made(lease)) => {
            session.store(&before);
            give_back(&session, &fetch, lease).await
        }
        Ok(_) => Err(Broken::Missing { capability: "a lease that is learned of" }),
        Err(error) => Err(fixture.unexpected("reconcile", &error)),
    }
}

async fn check_ins(fixture: &StoreFixture<'_>) -> Checked {
    let (session, mut patience) = (fixture.session()?, Patience::default());
    let out = session.example_found(0).await?;
    let check_in: CheckIn = session.check_in(&out, USED)?;
    let call = || IntendedCall::CheckIn(check_in.clone());
    must_tell(&session, call(), &Reconciled::NothingHappened, &mut patience).await?;
    session.give_back(&check_in).await?.map_err(|error| fixture.unexpected("the check-in", &error))?;
    must_tell(&session, call(), &Reconciled::Destroyed, &mut patience).await
}

async fn without_effect(fixture: &StoreFixture<'_>) -> Checked {
    let (kind, session) = (fixture.kind()?, fixture.session()?);
    let out = session.example_found(0).await?;
    let before = fixture.held()?;
    let never = session.request(&fixture.example(kind, 1)?)?;
    for call in [IntendedCall::Fetch(kind, never), IntendedCall::CheckIn(session.check_in(&out, USED)?)] {
        if let Err(error) = told(&session, call, &mut Patience::default()).await? {
            ensure(error.kind().is_retryable(), "an answer", format!("{:?}", error.kind()))?;
        }
    }
    ensure(fixture.held()? == before, "the same leases held as before", "others, after `reconcile`")
}

async fn late_fetches(fixture: &StoreFixture<'_>) -> Checked {
    let mut patience = Patience::default();
    match late_fetch(fixture, &mut patience).await {
        // The store waited until no call could be late any more, so it need not refuse the call of this rule.
        Err(Broken::Rule { .. }) if patience.has_waited() => Err(CANNOT_REFUSE),
        checked => checked,
    }
}

async fn late_fetch(fixture: &StoreFixture<'_>, patience: &mut Patience) -> Checked {
    let (kind, session) = (fixture.kind()?, fixture.session()?);
    let fetch = session.request(&fixture.example(kind, 0)?)?;
    let call = || IntendedCall::Fetch(kind, fetch.clone());
    must_tell(&session, call(), &Reconciled::NothingHappened, patience).await?;
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
    must_tell(&session, call(), &Reconciled::NothingHappened, patience).await
}
