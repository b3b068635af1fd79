//! Rules about events of sessions: authentication completed, and session ended.

use super::{Broken, Checked, HELD, LEASES, LISTED_NOTICES, Session, StoreFixture, USED, ensure, rules};
use crate::unique::new_intent;

rules! {
    in StoreFixture;
    "CRE-105" Must from ["SPS/authentication_completed", "S6", "S8"]
        "The store is told that the authentication is completed, and again with the same intent."
        told(false);
    "CRE-106" Must from ["SPS/session_ended", "S6", "S8", "L6"]
        "The store is told that the session has ended, and again with the same intent."
        told(true);
    "CRE-107" Must needs LEASES from ["SPS/session_ended", "S6", "L9"]
        "A session ends while a lease is held, as after a check-in that failed, and the lease is checked in afterwards."
        before_the_check_in;
    "CRE-108" Must from ["SPS/session_ended", "S6", "S11", "L11"]
        "An event of which only the session is known succeeds, or says that the login is missing."
        session_alone;
    "CRE-109" Must needs HELD from ["S3", "S6", "L8"]
        "An event checks nothing out, and gives nothing back: that is left to the check-in."
        without_effect;
    "CRE-110" Must needs LISTED_NOTICES from ["R3", "S6", "L6"]
        "Where intents are known again, an event that is told again has its effect once."
        one_effect;
}

async fn told(fixture: &StoreFixture<'_>, ended: bool) -> Checked {
    let session = fixture.session()?;
    // A store without credentials is told of sessions, too.
    let found = match session.example_found(0).await {
        Ok(found) => Some(found),
        Err(Broken::Missing { .. }) => None,
        Err(other) => return Err(other),
    };
    let found: Vec<_> = found.iter().collect();
    let intent = new_intent();
    for _ in 0..2 {
        session.told_of(ended, &session.event(intent.clone(), &found)?).await?;
    }
    Ok(())
}

async fn before_the_check_in(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    let out = session.example_found(0).await?;
    session.told_of(true, &session.event(new_intent(), &[&out])?).await?;
    session.checked_in(&out, USED).await?;
    let Ok(held) = fixture.held() else { return Ok(()) };
    let is_held = held.contains(&out.lease()?.id.to_string());
    ensure(!is_held, "the lease given back by a check-in after the end", "it is still held")
}

async fn session_alone(fixture: &StoreFixture<'_>) -> Checked {
    use keyway_core::{ErrorKind, PluginError as _};

    let mut session = fixture.session()?;
    session.change(|connection| {
        *connection = keyway_credentials::Connection::new(connection.session_id.clone());
    });
    for ended in [false, true] {
        if let Err(error) = session.tell(ended, &session.event(new_intent(), &[])?).await? {
            let observed = fixture.clean(&error.to_string());
            let is_login = error.kind() == ErrorKind::Unauthorized;
            ensure(is_login, "success, or the error that there is no login to the vault", observed)?;
        }
    }
    Ok(())
}

async fn both(session: &Session<'_, '_>, all: &[&super::CheckedOut]) -> Checked {
    for ended in [false, true] {
        drop(session.tell(ended, &session.event(new_intent(), all)?).await?);
    }
    Ok(())
}

async fn without_effect(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    let out = session.example_found(0).await?;
    let before = fixture.held()?;
    both(&session, &[&out]).await?;
    both(&fixture.session()?, &[]).await?;
    ensure(fixture.held()? == before, "the same leases held as before", "others, after events")
}

async fn one_effect(fixture: &StoreFixture<'_>) -> Checked {
    let Some(notices) = &fixture.subject().notices else {
        return Err(Broken::Missing { capability: "listed notices" });
    };
    let session = fixture.session()?;
    for ended in [false, true] {
        let (before, intent) = (notices(fixture.scratch()).len(), new_intent());
        for _ in 0..2 {
            session.told_of(ended, &session.event(intent.clone(), &[])?).await?;
        }
        let made = notices(fixture.scratch()).len().saturating_sub(before);
        ensure(made <= 1, "one effect of an event that is told twice", made.to_string())?;
    }
    Ok(())
}
