//! Rules about fetches that fail with an error, and about the leases that they leave.

use keyway_core::{Effect, PluginError as _};
use keyway_credentials::{CheckIn, CredentialError, CredentialKind, Fetch, IntendedCall, Lease, Reconciled};

use super::reconciliation::told;
use super::{Broken, Checked, FAILING, HELD, Session, StoreFixture, USED, broken, ensure, placed, rules};
use crate::patience::{CANNOT_REFUSE, Patience};
use crate::unique::new_intent;

rules! {
    in StoreFixture;
    "CRE-038" Must needs FAILING from ["R7", "L2"]
        "After an error of a fetch that says that nothing happened, no lease is held for it."
        none_means_none;
    "CRE-039" Must needs FAILING from ["R2", "R3", "R7", "L2", "L3"]
        "After any other error of a fetch, asking again or asking what happened settles it, and no lease is left."
        settled_errors;
    "CRE-040" Must needs HELD from ["R8", "S5", "L2"]
        "When the cookies are full, a fetch is answered or refused, and no lease is left that the host cannot know."
        full_cookies;
}

/// Settles, as a host does, a fetch whose answer is not known. Returns the lease to check in, or `None` if nothing
/// happened. Fails if the store cannot tell what happened, or fails again.
pub(super) async fn settled(
    session: &Session<'_, '_>,
    kind: CredentialKind,
    fetch: &Fetch,
) -> Result<Option<Lease>, Broken> {
    let declared = session.declared();
    if declared.reconciles {
        let question = IntendedCall::Fetch(kind, fetch.clone());
        return match told(session, question, &mut Patience::default()).await? {
            Ok(Reconciled::Made(lease)) => Ok(Some(lease)),
            Ok(Reconciled::NothingHappened) => Ok(None),
            Ok(_) => Err(Broken::Missing { capability: "an answer to what happened" }),
            Err(error) if error.kind().is_retryable() => Err(CANNOT_REFUSE),
            Err(error) => Err(session.unexpected("reconcile", &error)),
        };
    }
    if declared.idempotent {
        let (mut again, mut patience) = (fetch.clone(), Patience::default());
        loop {
            again.session = session.context()?;
            match session.ask(kind, &again).await? {
                Ok(outcome) => return Ok(outcome.found().and_then(|found| found.lease)),
                Err(error) if patience.waits_out(&error, |delay| session.clock.advance(delay)).await => {}
                Err(error) => return Err(session.unexpected("the fetch, asked for again,", &error)),
            }
        }
    }
    Err(Broken::Missing { capability: "idempotent, or reconciles" })
}

/// Tells whether a fetch could not be settled because the same fetch failed again.
fn fails_again(session: &Session<'_, '_>, settled: &Result<Option<Lease>, Broken>) -> bool {
    matches!(settled, Err(Broken::Rule { .. })) && !session.declared().reconciles
}

/// Checks in a lease whose fetch was settled.
pub(super) async fn give_back(session: &Session<'_, '_>, fetch: &Fetch, lease: Lease) -> Checked {
    let context = session.context()?;
    let check_in = CheckIn::new(new_intent(), lease, fetch.candidate.clone(), context, USED);
    session.give_back(&check_in).await?.map(drop).map_err(|error| session.unexpected("the check-in", &error))
}

/// Fetches from each account whose fetch fails. `check` receives the request, the error, and the leases that were held
/// before the fetch.
async fn failed(
    fixture: &StoreFixture<'_>,
    check: impl AsyncFn(&Session<'_, '_>, CredentialKind, &Fetch, &CredentialError, &[String]) -> Checked,
) -> Checked {
    fixture.held()?;
    let mut proved = false;
    for place in &fixture.subject().failing {
        for kind in fixture.kinds() {
            let session = fixture.session()?;
            let (fetch, before) = (session.request(&placed(place)?)?, fixture.held()?);
            if let Err(error) = session.ask(kind, &fetch).await? {
                match check(&session, kind, &fetch, &error, &before).await {
                    Err(Broken::Missing { .. }) => {}
                    checked => {
                        checked?;
                        proved = true;
                    }
                }
            }
        }
    }
    if proved { Ok(()) } else { Err(Broken::Missing { capability: "such an error, or a way to settle it" }) }
}

async fn none_means_none(fixture: &StoreFixture<'_>) -> Checked {
    failed(fixture, async |session, _, _, error, before| {
        if error.effect() != Effect::None {
            return Err(Broken::Missing { capability: "such an error" });
        }
        session.more_held(before, 0, "an error that says that nothing happened")
    })
    .await
}

async fn settled_errors(fixture: &StoreFixture<'_>) -> Checked {
    failed(fixture, async |session, kind, fetch, error, before| {
        if error.effect() == Effect::None {
            return Err(Broken::Missing { capability: "such an error" });
        }
        let settled = settled(session, kind, fetch).await;
        if fails_again(session, &settled) {
            // The author of the test named the account because its fetches fail, so nothing is known of the first one.
            return Err(Broken::Missing { capability: "a fetch that does not fail again" });
        }
        if let Some(lease) = settled? {
            give_back(session, fetch, lease).await?;
        }
        session.more_held(before, 0, "an error that was settled")
    })
    .await
}

async fn full_cookies(fixture: &StoreFixture<'_>) -> Checked {
    let (kind, session) = (fixture.kind()?, fixture.session()?);
    let (fetch, before) = (session.request(&fixture.example(kind, 0)?)?, fixture.held()?);
    for cookie in [&fetch.session.cookie, &fetch.session.session_cookie] {
        let full = "x".repeat(keyway_credentials::Cookie::MAX_BYTES - 40);
        cookie.set("kit", full).map_err(|error| broken("a full cookie", error.to_string()))?;
    }
    match session.ask(kind, &fetch).await? {
        Ok(outcome) => match outcome.found().and_then(|found| found.lease) {
            Some(lease) => give_back(&session, &fetch, lease).await?,
            None => ensure(fixture.held()? == before, "no lease held after a fetch in vain", "one")?,
        },
        Err(error) if error.effect() == Effect::None => {}
        Err(_) => {
            let settled = settled(&session, kind, &fetch).await;
            // As long as the cookies are full, the fetch may fail again. Then it may hold no lease.
            if !fails_again(&session, &settled)
                && let Some(lease) = settled?
            {
                give_back(&session, &fetch, lease).await?;
            }
        }
    }
    fixture.more_held(&before, 0, "a fetch with full cookies")
}
