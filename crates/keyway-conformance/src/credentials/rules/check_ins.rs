//! Rules about check-ins: for every reason, a check-in gives back its own lease and no other, and can be repeated.

use keyway_core::{Effect, ErrorKind, PluginError as _};
use keyway_credentials::{CheckInReason, CredentialKind, Holder, Lease, LeaseId, Rotation};

use super::{
    Broken, Checked, CheckedOut, HELD, LEASES, NOT_ROTATING, ROTATES, Session, StoreFixture, USED, broken,
    ensure, nobody, placed, rules,
};
use crate::credentials::given::Given;
use crate::unique::new_intent;

rules! {
    in StoreFixture;
    "CRE-050" Must needs LEASES from ["SPS/check_in", "S2"]
        "A check-in succeeds for every reason: used, not accepted, unused, expired, host lost, forced."
        reasons;
    "CRE-051" Must needs LEASES from ["S2", "S8", "R3", "L6"]
        "A check-in that is repeated succeeds, with the same intent and with another one."
        repeated;
    "CRE-052" Must needs LEASES from ["S2", "S3"]
        "A check-in of a lease that the vault does not know succeeds."
        unknown;
    "CRE-053" Must needs HELD from ["S2", "SPS/check_in", "L7"]
        "A check-in gives back its lease, and no other: neither of the session, nor of another one on the same handle."
        exactly_it;
    "CRE-054" Must needs HELD from ["S2", "L1", "L6"]
        "What is checked out after a check-in of the same session is given back by a check-in of its own."
        again_after_check_in;
    "CRE-055" Must needs HELD from ["S2", "SPS/account", "L3", "L5"]
        "A fetch in vain, or one that fails, keeps no former check-out of the session from being given back."
        after_a_fetch_in_vain;
    "CRE-056" Must needs LEASES from ["S6", "S11", "L11"]
        "Without the user's login a check-in succeeds, or says that the login is missing; with the login it then succeeds."
        without_login;
    "CRE-057" Must needs ROTATES from ["S10"]
        "A check-in tells the truth about the credentials: after `Rotated` the password is another one, after \
         `NotRotated` it is the same."
        rotation_is_true;
    "CRE-058" Must needs NOT_ROTATING from ["S10"]
        "A store that does not declare that it rotates never tells of a rotation."
        no_rotation;
}

async fn reasons(fixture: &StoreFixture<'_>) -> Checked {
    let by = Holder::new("kit").map_err(|error| broken("the name of a holder", error.to_string()))?;
    for reason in [
        USED,
        CheckInReason::AuthenticationFailed,
        CheckInReason::Unused,
        CheckInReason::Expired,
        CheckInReason::HostLost,
        CheckInReason::Forced { by },
    ] {
        let session = fixture.session()?;
        let out = session.example_found(0).await?;
        session.checked_in(&out, reason).await?;
        if let Ok(held) = fixture.held() {
            let is_held = held.contains(&out.lease()?.id.to_string());
            ensure(!is_held, "the lease given back after its check-in", "it is still held")?;
        }
    }
    Ok(())
}

async fn repeated(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    let out = session.example_found(0).await?;
    let check_in = session.check_in(&out, USED)?;
    for when in ["the check-in", "the same check-in again"] {
        session.give_back(&check_in).await?.map_err(|error| fixture.unexpected(when, &error))?;
    }
    let other = session.check_in(&out, USED)?;
    let answer = session.give_back(&other).await?;
    answer.map(drop).map_err(|error| fixture.unexpected("a check-in with another intent", &error))
}

async fn unknown(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    let mut out = session.example_found(0).await?;
    session.checked_in(&out, USED).await?;
    let id = LeaseId::new("kit-no-such-lease").map_err(|error| broken("a lease id", error.to_string()))?;
    out.lease = Some(Lease::new(id));
    session.checked_in(&out, USED).await.map(drop)
}

/// Demands that the vault still holds the lease if `expected` is true, and that the lease was given back otherwise.
fn is_held(fixture: &StoreFixture<'_>, out: &CheckedOut, expected: bool, when: &str) -> Checked {
    let held = fixture.held()?.contains(&out.lease()?.id.to_string());
    let word = |held| if held { "held" } else { "given back" };
    ensure(held == expected, format!("the lease {} {when}", word(expected)), word(held))
}

async fn exactly_it(fixture: &StoreFixture<'_>) -> Checked {
    let (one, other) = (fixture.session()?, fixture.session()?);
    let first = one.example_found(0).await?;
    let of_other = other.example_found(1).await?;
    let check_in = one.check_in(&first, USED)?;
    // Both sessions use one handle. A store that keeps state in the handle would confuse them.
    let store = fixture.open()?;
    for wrong in [&check_in, &other.check_in(&of_other, USED)?] {
        let out = if wrong.lease.id == first.lease()?.id { &first } else { &of_other };
        store.check_in(wrong).await.map_err(|error| fixture.unexpected("the check-in", &error))?;
        is_held(fixture, out, false, "after its check-in")?;
        if out.lease()?.id == first.lease()?.id {
            is_held(fixture, &of_other, true, "after the check-in of another session")?;
        }
    }
    let (third, fourth) = (one.example_found(0).await?, one.example_found(1).await?);
    one.checked_in(&third, USED).await?;
    is_held(fixture, &third, false, "after its check-in")?;
    is_held(fixture, &fourth, true, "after the check-in of another one of its session")?;
    one.checked_in(&fourth, USED).await?;
    is_held(fixture, &fourth, false, "after its check-in")
}

async fn again_after_check_in(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    for number in 0..3 {
        let out = session.example_found(0).await?;
        session.told_of(false, &session.event(new_intent(), &[&out])?).await?;
        session.checked_in(&out, USED).await?;
        is_held(fixture, &out, false, &format!("after check-in {} of the session", number + 1))?;
    }
    Ok(())
}

async fn after_a_fetch_in_vain(fixture: &StoreFixture<'_>) -> Checked {
    let (session, kind) = (fixture.session()?, fixture.kind()?);
    let out = session.example_found(0).await?;
    let mut vain = vec![nobody()?];
    for place in &fixture.subject().failing {
        vain.push(placed(place)?);
    }
    for candidate in &vain {
        let fetch = session.request(candidate)?;
        if session.ask(kind, &fetch).await?.is_err() {
            // Another rule checks the leases that a failed fetch leaves.
            if let Ok(Some(lease)) = super::failures::settled(&session, kind, &fetch).await {
                super::failures::give_back(&session, &fetch, lease).await?;
            }
        }
    }
    session.checked_in(&out, USED).await?;
    is_held(fixture, &out, false, "after its check-in")
}

async fn without_login(fixture: &StoreFixture<'_>) -> Checked {
    let mut session = fixture.session()?;
    let out = session.example_found(0).await?;
    let connection = session.connection.clone();
    session.change(|connection| {
        connection.gateway_username = None;
        connection.gateway_password = None;
    });
    let Err(error) = session.give_back(&session.check_in(&out, USED)?).await? else { return Ok(()) };
    let observed = fixture.clean(&format!("{:?}: {error}", error.kind()));
    let is_typed = error.kind() == ErrorKind::Unauthorized && error.effect() == Effect::None;
    ensure(is_typed, "a check-in, or the error that there is no login to the vault", observed)?;
    session.connection = connection;
    session.checked_in(&out, USED).await.map(drop)
}

/// Fetches the password of the example.
async fn password(session: &Session<'_, '_>) -> Result<CheckedOut, Broken> {
    let kind = CredentialKind::Passwords;
    session.found(kind, &session.example(kind, 0)?).await
}

async fn rotation_is_true(fixture: &StoreFixture<'_>) -> Checked {
    let first = |out: &CheckedOut| match &out.given {
        Given::Passwords(all) => all.first().clone(),
        _ => keyway_credentials::Password::new(""),
    };
    let session = fixture.session()?;
    let out = password(&session).await?;
    let rotation = session.checked_in(&out, USED).await?.rotation;
    let next = password(&session).await?;
    let (expected, changed) = match rotation {
        Rotation::Rotated => (true, "another password after `Rotated`"),
        Rotation::NotRotated => (false, "the same password after `NotRotated`"),
        _ => return Err(Broken::Missing { capability: "a rotation at the check-in" }),
    };
    ensure((first(&out) != first(&next)) == expected, changed, "the contrary")
}

async fn no_rotation(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    let out = session.example_found(0).await?;
    let rotation = session.checked_in(&out, USED).await?.rotation;
    ensure(rotation == Rotation::NotRotated, "`NotRotated`", format!("`{rotation:?}`"))
}
