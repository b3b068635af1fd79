//! Rules about renewals of leases.

use std::time::Duration;

use keyway_credentials::{CredentialError, Lease};

use super::intents::declared;
use super::{
    Broken, Checked, CheckedOut, NOT_RENEWING, RENEWS, Session, StoreFixture, USED, broken, ensure, rules,
};

rules! {
    in StoreFixture;
    "CRE-085" Must needs RENEWS from ["S10"]
        "A lease that says so is renewed, and then does not end earlier."
        extended;
    "CRE-086" Must needs RENEWS from ["S10", "S2"]
        "A renewed lease is one lease at the vault: if its id changes, the old one is not held."
        still_one;
    "CRE-087" Must needs RENEWS from ["S10", "S2"]
        "A renewed lease is checked in under the id that the renewal gave."
        checked_in;
    "CRE-088" Must needs RENEWS from ["S10"]
        "The renewal of a lease that the vault does not have any longer is the error that it is unknown."
        unknown;
    "CRE-089" Must needs NOT_RENEWING from ["S10"]
        "A store that does not declare that it renews gives no lease that can be renewed."
        none_renewable;
    "CRE-090" Must needs RENEWS from ["S10", "R3"]
        "Where intents are known again, a renewal with the same intent gives the same lease."
        same_intent;
}

/// Checks out a lease that can be renewed.
async fn renewable(session: &Session<'_, '_>) -> Result<CheckedOut, Broken> {
    let out = session.example_found(0).await?;
    declared(out.lease()?.renewable, "a lease that can be renewed")?;
    Ok(out)
}

/// Renews a lease after a while.
async fn renewed(session: &Session<'_, '_>, out: &CheckedOut) -> Result<Lease, Broken> {
    session.clock.advance(Duration::from_secs(1));
    let answer = session.renew(&session.renewal(out)?).await?;
    answer.map_err(|error| session.unexpected("the renewal", &error))
}

async fn extended(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    let mut out = renewable(&session).await?;
    for _ in 0..2 {
        let lease = renewed(&session, &out).await?;
        let is_longer = match (out.lease()?.expires_at, lease.expires_at) {
            (Some(before), Some(end)) => end >= before,
            (None, Some(_)) => false,
            (_, None) => true,
        };
        ensure(is_longer, "an end that is not earlier than before", "an earlier one")?;
        out.lease = Some(lease);
    }
    Ok(())
}

async fn still_one(fixture: &StoreFixture<'_>) -> Checked {
    let (before, session) = (fixture.held()?, fixture.session()?);
    let out = renewable(&session).await?;
    let lease = renewed(&session, &out).await?;
    fixture.more_held(&before, 1, "a renewal")?;
    let is_held = fixture.held()?.contains(&lease.id.to_string());
    ensure(is_held, "the renewed lease among those held", "others only")
}

async fn checked_in(fixture: &StoreFixture<'_>) -> Checked {
    let (before, session) = (fixture.held(), fixture.session()?);
    let mut out = renewable(&session).await?;
    out.lease = Some(renewed(&session, &out).await?);
    session.checked_in(&out, USED).await?;
    // The vault holds no lease of this check-out any longer, whether or not the renewal changed the id.
    before.map_or(Ok(()), |before| fixture.more_held(&before, 0, "the check-in of a renewed lease"))
}

async fn unknown(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    let out = renewable(&session).await?;
    session.checked_in(&out, USED).await?;
    let observed = match session.renew(&session.renewal(&out)?).await? {
        Err(CredentialError::UnknownLease { .. }) => return Ok(()),
        Err(error) => fixture.clean(&format!("another error: {error}")),
        Ok(_) => "a lease".to_owned(),
    };
    Err(broken("the error that the lease is unknown", observed))
}

async fn none_renewable(fixture: &StoreFixture<'_>) -> Checked {
    let out = fixture.session()?.example_found(0).await?;
    ensure(!out.lease()?.renewable, "a lease that is not renewable", "one that says that it is")
}

async fn same_intent(fixture: &StoreFixture<'_>) -> Checked {
    declared(fixture.declared().idempotent, "idempotent")?;
    let session = fixture.session()?;
    let renewal = session.renewal(&renewable(&session).await?)?;
    let mut leases = Vec::new();
    for _ in 0..2 {
        let answer = session.renew(&renewal).await?;
        leases.push(answer.map_err(|error| fixture.unexpected("the renewal", &error))?);
        session.clock.advance(Duration::from_secs(1));
    }
    ensure(leases[0] == leases[1], "the same lease for the same intent", "another one")
}
