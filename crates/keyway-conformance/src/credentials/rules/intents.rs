//! Rules about two calls with the same intent.

use keyway_core::{Effect, PluginError as _};

use super::failures::give_back;
use super::{Broken, Checked, CheckedOut, IDEMPOTENT, StoreFixture, USED, broken, ensure, rules};
use crate::credentials::given::{name, word};

rules! {
    in StoreFixture;
    "CRE-060" Must needs IDEMPOTENT from ["R3", "S2", "S8"]
        "A fetch with the same intent, also after a restart and with the cookies of before, gives the same lease."
        same_lease;
    "CRE-061" Must needs IDEMPOTENT from ["R3", "S8"]
        "A fetch with the same intent leaves one lease at the vault."
        one_lease;
    "CRE-062" Must needs IDEMPOTENT from ["R3", "S10"]
        "A check-in with the same intent tells the same of the credentials."
        same_rotation;
    "CRE-063" Must needs IDEMPOTENT from ["R3", "S8", "H367"]
        "After the check-in of its lease, a late or repeated fetch with the same intent leaves no lease at the vault."
        late_fetches;
}

async fn same_lease(fixture: &StoreFixture<'_>) -> Checked {
    for kind in fixture.kinds() {
        let session = fixture.session()?;
        let fetch = session.request(&fixture.example(kind, 0)?)?;
        let mut ids = Vec::new();
        for cookies in ["the first cookies", "the cookies of the first call", "the cookies of before"] {
            let mut again = fetch.clone();
            again.session =
                if cookies.ends_with("call") { session.context()? } else { fixture.session()?.context()? };
            again.session.connection = session.connection.clone();
            match session.ask(kind, &again).await? {
                Ok(outcome) => {
                    let found = word(&outcome);
                    let lease = outcome.found().and_then(|found| found.lease);
                    let expected = || format!("a lease of `{}` with {cookies}", name(kind));
                    ids.push(lease.ok_or_else(|| broken(expected(), found))?);
                }
                Err(error) => return Err(fixture.unexpected(name(kind), &error)),
            }
        }
        ids.dedup_by(|a, b| a.id == b.id);
        ensure(ids.len() == 1, format!("one lease of `{}`", name(kind)), format!("{} ids", ids.len()))?;
        if kind == keyway_credentials::CredentialKind::TotpCodes {
            fixture.clock.advance(keyway_credentials::TotpCode::USUAL_PERIOD);
        }
        for lease in ids {
            give_back(&session, &fetch, lease).await?;
        }
    }
    Ok(())
}

async fn one_lease(fixture: &StoreFixture<'_>) -> Checked {
    let (before, kind, session) = (fixture.held()?, fixture.kind()?, fixture.session()?);
    let fetch = session.request(&fixture.example(kind, 0)?)?;
    for _ in 0..3 {
        session.ask(kind, &fetch).await?.map_err(|error| fixture.unexpected(name(kind), &error))?;
    }
    fixture.more_held(&before, 1, "three fetches with one intent")
}

async fn same_rotation(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    let out = session.example_found(0).await?;
    let check_in = session.check_in(&out, USED)?;
    let mut told = Vec::new();
    for _ in 0..2 {
        let answer = session.give_back(&check_in).await?;
        told.push(answer.map_err(|error| fixture.unexpected("the check-in", &error))?.rotation);
    }
    ensure(told[0] == told[1], format!("`{:?}` again", told[0]), format!("`{:?}`", told[1]))
}

async fn late_fetches(fixture: &StoreFixture<'_>) -> Checked {
    let (kind, session, held) = (fixture.kind()?, fixture.session()?, fixture.held());
    let fetch = session.request(&fixture.example(kind, 0)?)?;
    let before = session.context()?;
    let out = CheckedOut::of(session.ask(kind, &fetch).await?, &fetch.candidate);
    let out = out.ok_or_else(|| broken("a lease with the credentials", "none"))?;
    session.checked_in(&out, USED).await?;
    // Simulates a suspended process, whose call reaches the store only after the check-in. Its cookies may be those
    // from before the fetch.
    for context in [before, session.context()?] {
        let mut late = fetch.clone();
        late.session = context;
        let answer = session.ask(kind, &late).await?;
        match &held {
            Ok(before) => fixture.more_held(before, 0, "a late fetch whose lease was given back")?,
            // Without a list of leases, only a new id shows a new lease, and only a refusal shows that there is none.
            Err(missing) => {
                let is_known = answer.as_ref().err().is_none_or(|error| error.effect() == Effect::None);
                match CheckedOut::of(answer, &fetch.candidate) {
                    Some(again) if again.lease()?.id != out.lease()?.id => {
                        return Err(broken(
                            "no other lease, since the first was given back",
                            "another lease",
                        ));
                    }
                    None if is_known => {}
                    _ => return Err(missing.clone()),
                }
            }
        }
    }
    Ok(())
}

/// Skips the rule if `declared` is false.
pub(super) fn declared(declared: bool, capability: &'static str) -> Checked {
    if declared { Ok(()) } else { Err(Broken::Missing { capability }) }
}
