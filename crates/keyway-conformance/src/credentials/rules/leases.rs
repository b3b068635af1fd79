//! Rules about leases, by which a vault recognizes a check-out.

use keyway_core::Clock as _;
use keyway_credentials::{Lease, LeaseId};

use super::{
    Broken, Checked, HELD, LEASES, READS, SEEN, StoreFixture, USED, broken, ensure, nobody, placed, rules,
};
use crate::credentials::given::name;

rules! {
    in StoreFixture;
    "CRE-030" Must needs LEASES from ["S2"]
        "A store that declares leases gives one with all credentials, of each kind."
        with_lease;
    "CRE-031" Must needs READS from ["S2", "S3"]
        "A store that does not declare leases gives none."
        without_lease;
    "CRE-032" Must needs LEASES from ["S2", "L7"]
        "No two check-outs have the same lease id: at the same time, one after the other, or of two kinds."
        distinct;
    "CRE-033" Must needs HELD from ["S2"]
        "A check-out is one lease at the vault, under the id that the store gave."
        one_lease;
    "CRE-034" Must needs SEEN from ["S1", "L4"]
        "After a fetch that answers anything but credentials, no lease is held for it."
        nothing_held;
    "CRE-035" Must needs LEASES from ["K1", "S2"]
        "The id of a lease shows no secret."
        clean_ids;
    "CRE-036" Must needs LEASES from ["S2", "S10"]
        "A lease that ends by itself ends later than now, by the clock that the store is lent."
        ends_later;
    "CRE-037" Must needs LEASES from ["S2"]
        "When a lease has ended by the clock, its check-in succeeds, as that of any lease that is gone."
        after_its_end;
}

async fn with_lease(fixture: &StoreFixture<'_>) -> Checked {
    for kind in fixture.kinds() {
        let session = fixture.session()?;
        let found = session.found(kind, &fixture.example(kind, 0)?).await?;
        ensure(found.lease.is_some(), format!("a lease with what `{}` gave", name(kind)), "none")?;
        session.checked_in(&found, USED).await?;
    }
    Ok(())
}

async fn without_lease(fixture: &StoreFixture<'_>) -> Checked {
    for kind in fixture.kinds() {
        let found = fixture.session()?.found(kind, &fixture.example(kind, 0)?).await?;
        ensure(found.lease.is_none(), "no lease, since `leases` is not declared", "one")?;
    }
    Ok(())
}

async fn distinct(fixture: &StoreFixture<'_>) -> Checked {
    let mut ids: Vec<LeaseId> = Vec::new();
    let (one, other) = (fixture.session()?, fixture.session()?);
    let first = one.example_found(0).await?;
    let second = other.example_found(1).await?;
    for (session, out) in [(&one, first), (&other, second)] {
        ids.push(out.lease()?.id.clone());
        session.checked_in(&out, USED).await?;
    }
    for kind in fixture.kinds() {
        let out = one.found(kind, &fixture.example(kind, 0)?).await?;
        ids.push(out.lease()?.id.clone());
        one.checked_in(&out, USED).await?;
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    ensure(ids.len() == count, format!("{count} lease ids"), format!("{} different ones", ids.len()))
}

async fn one_lease(fixture: &StoreFixture<'_>) -> Checked {
    for kind in fixture.kinds() {
        let before = fixture.held()?;
        let session = fixture.session()?;
        let found = session.found(kind, &fixture.example(kind, 0)?).await?;
        fixture.more_held(&before, 1, &format!("one `{}`", name(kind)))?;
        let id = found.lease()?.id.to_string();
        ensure(fixture.held()?.contains(&id), "the lease that was given among those held", "others only")?;
        session.checked_in(&found, USED).await?;
    }
    Ok(())
}

async fn nothing_held(fixture: &StoreFixture<'_>) -> Checked {
    let subject = fixture.subject();
    let told = [&subject.denied, &subject.needs_info, &subject.unavailable];
    let mut candidates = vec![nobody()?];
    for place in told.into_iter().flatten() {
        candidates.push(placed(place)?);
    }
    let session = fixture.session()?;
    for candidate in &candidates {
        for kind in fixture.kinds() {
            let before = fixture.held()?;
            // Other rules check fetches that fail.
            if session.fetch(kind, candidate).await?.is_ok_and(|outcome| outcome.found().is_none()) {
                fixture.more_held(&before, 0, &format!("`{}` in vain", name(kind)))?;
            }
        }
    }
    Ok(())
}

async fn clean_ids(fixture: &StoreFixture<'_>) -> Checked {
    let mut session = fixture.session()?;
    let canary = fixture.canary("gateway");
    fixture.keep_secret(canary.as_str());
    if fixture.subject().facts.is_none() {
        session.change(|connection| connection.gateway_password = Some(canary.into()));
    }
    for kind in fixture.kinds() {
        let found = session.found(kind, &fixture.example(kind, 0)?).await?;
        let shows = fixture.shows(found.lease()?.id.as_str());
        ensure(!shows, "a lease id without a secret", "one that shows a credential or the user's login")?;
        session.checked_in(&found, USED).await?;
    }
    Ok(())
}

fn end(lease: &Lease) -> Result<keyway_core::Timestamp, Broken> {
    lease.expires_at.ok_or(Broken::Missing { capability: "leases that end by themselves" })
}

async fn ends_later(fixture: &StoreFixture<'_>) -> Checked {
    let found = fixture.session()?.example_found(0).await?;
    let end = end(found.lease()?)?;
    ensure(end > fixture.clock.now(), "a lease that ends later than now", "one that has ended")
}

async fn after_its_end(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    let found = session.example_found(0).await?;
    let end = end(found.lease()?)?.as_milliseconds();
    let left = end.saturating_sub(fixture.clock.now().as_milliseconds());
    fixture.clock.advance(std::time::Duration::from_millis(left + 1000));
    let answer =
        session.give_back(&session.check_in(&found, keyway_credentials::CheckInReason::Expired)?).await?;
    let refused =
        |error| broken("the check-in of an ended lease to succeed", fixture.clean(&format!("{error}")));
    answer.map(drop).map_err(refused)
}
