//! Rules about accounts that only one session may hold at a time.

use keyway_core::Clock as _;
use keyway_credentials::FetchOutcome;

use super::{Broken, Checked, CheckedOut, LEASES, Session, StoreFixture, USED, broken, ensure, rules};
use crate::credentials::given::{Answer, word};

rules! {
    in StoreFixture;
    "CRE-080" Must needs LEASES from ["S1", "S10"]
        "Whether a lease is exclusive is true: exactly then the account is busy for other sessions."
        truth;
    "CRE-081" Must needs LEASES from ["S10", "SPS/check_in"]
        "When an exclusive lease is checked in, another session gets the account."
        freed;
    "CRE-082" Must needs LEASES from ["S1", "S10"]
        "A busy account is busy until later than now, if the store says until when."
        until;
}

/// Lets one session hold an account, and lets another session fetch the same account.
async fn contended(
    session: &Session<'_, '_>,
    other: &Session<'_, '_>,
) -> Result<(CheckedOut, Answer), Broken> {
    let out = session.example_found(0).await?;
    let kind = session.kind()?;
    if kind == keyway_credentials::CredentialKind::TotpCodes {
        return Err(Broken::Missing { capability: "a kind other than one-time codes" });
    }
    let answer = other.fetch(kind, &out.candidate).await?;
    Ok((out, answer))
}

fn exclusive(out: &CheckedOut) -> Checked {
    let missing = Broken::Missing { capability: "exclusive leases" };
    if out.lease()?.exclusive { Ok(()) } else { Err(missing) }
}

async fn truth(fixture: &StoreFixture<'_>) -> Checked {
    let (session, other) = (fixture.session()?, fixture.session()?);
    let (out, answer) = contended(&session, &other).await?;
    let outcome = answer.map_err(|error| fixture.unexpected("the fetch of another session", &error))?;
    if out.lease()?.exclusive {
        let is_busy = matches!(outcome, FetchOutcome::Busy(_));
        return ensure(is_busy, "`Busy` for another session, since the lease is exclusive", word(&outcome));
    }
    let is_found = matches!(outcome, FetchOutcome::Found(_));
    ensure(is_found, "credentials for another session, since the lease is not exclusive", word(&outcome))
}

async fn freed(fixture: &StoreFixture<'_>) -> Checked {
    let (session, other) = (fixture.session()?, fixture.session()?);
    let (out, _) = contended(&session, &other).await?;
    exclusive(&out)?;
    session.checked_in(&out, USED).await?;
    other.found(fixture.kind()?, &out.candidate).await.map(drop)
}

async fn until(fixture: &StoreFixture<'_>) -> Checked {
    let (session, other) = (fixture.session()?, fixture.session()?);
    let Ok(FetchOutcome::Busy(busy)) = contended(&session, &other).await?.1 else {
        return Err(Broken::Missing { capability: "exclusive leases" });
    };
    let end = busy.until.ok_or(Broken::Missing { capability: "a busy account that says until when" })?;
    if end > fixture.clock.now() {
        Ok(())
    } else {
        Err(broken("a moment that is to come", "one that is past"))
    }
}
