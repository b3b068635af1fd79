//! Rules about the data of a session: the cookie, and the session cookie.

use keyway_credentials::{Cookie, Json};
use serde_json::json;

use super::{Broken, Checked, CheckedOut, FOUND, StoreFixture, USED, broken, ensure, nobody, rules};
use crate::credentials::given::name;
use crate::polled::answered;
use crate::unique::new_intent;

rules! {
    in StoreFixture;
    "CRE-045" Must needs FOUND from ["S9", "SPS/way", "SPS/cookie", "S5"]
        "A session goes from fetch to end with a new instance for each call, and the stored cookies alone."
        new_instances;
    "CRE-046" Must from ["S5", "SPS/session_cookie", "S11"]
        "What other plugins wrote into the session cookie stays there."
        of_others;
    "CRE-047" Must needs FOUND from ["K1", "SPS/cookie"]
        "The names in the cookies show no secret."
        names;
    "CRE-048" Must from ["R4", "SPS/cookie", "S5"]
        "A fetch or check-in with cookies that the store did not write is answered or refused, without a panic and in \
         time."
        odd_cookies;
}

async fn new_instances(fixture: &StoreFixture<'_>) -> Checked {
    for kind in fixture.kinds() {
        let session = fixture.session()?;
        drop(session.fetch(kind, &nobody()?).await?);
        let out = session.found(kind, &fixture.example(kind, 0)?).await?;
        session.told_of(false, &session.event(new_intent(), &[&out])?).await?;
        if out.lease.is_some() {
            session.checked_in(&out, USED).await?;
        }
        session.told_of(true, &session.event(new_intent(), &[&out])?).await?;
    }
    Ok(())
}

async fn of_others(fixture: &StoreFixture<'_>) -> Checked {
    let session = fixture.session()?;
    let questions: Json = json!({ "vault_path": ["a", { "b": null }] }).into();
    let context = session.context()?;
    let set = context.session_cookie.set("kit_questions", questions.clone());
    set.map_err(|error| broken("an entry of another plugin", error.to_string()))?;
    session.store(&context);
    let kept = |after: &str| {
        let entry = session.context()?.session_cookie.get("kit_questions");
        ensure(
            entry.as_ref() == Some(&questions),
            format!("another plugin's entry after {after}"),
            "none, or another",
        )
    };
    for kind in fixture.kinds() {
        for candidate in [nobody()].into_iter().chain([fixture.example(kind, 0)]).flatten() {
            let answer = session.fetch(kind, &candidate).await?;
            kept(&format!("`{}`", name(kind)))?;
            // The next fetch may find the account busy unless it is free again.
            if let Some(out) = CheckedOut::of(answer, &candidate) {
                drop(session.give_back(&session.check_in(&out, USED)?).await?);
                kept("a check-in")?;
            }
        }
    }
    for ended in [false, true] {
        drop(session.tell(ended, &session.event(new_intent(), &[])?).await?);
        kept("an event")?;
    }
    Ok(())
}

async fn names(fixture: &StoreFixture<'_>) -> Checked {
    let mut session = fixture.session()?;
    let canary = fixture.canary("gateway");
    fixture.keep_secret(canary.as_str());
    if fixture.subject().facts.is_none() {
        session.change(|connection| connection.gateway_password = Some(canary.into()));
    }
    for kind in fixture.kinds() {
        let out = session.found(kind, &fixture.example(kind, 0)?).await?;
        let context = session.context()?;
        let shown = format!("{:?} {:?}", context.cookie, context.session_cookie);
        ensure(
            !fixture.shows(&shown),
            "names without a secret",
            format!("one shows it after `{}`", name(kind)),
        )?;
        if out.lease.is_some() {
            session.checked_in(&out, USED).await?;
        }
    }
    Ok(())
}

async fn odd_cookies(fixture: &StoreFixture<'_>) -> Checked {
    let (kind, session) = (fixture.kind()?, fixture.session()?);
    let candidate = fixture.example(kind, 0).or_else(|_| nobody())?;
    let answer = session.fetch(kind, &candidate).await?;
    let written = session.context()?;
    if let Some(out) = CheckedOut::of(answer, &candidate) {
        drop(session.give_back(&session.check_in(&out, USED)?).await?);
    }
    let names = |cookie: &Cookie| cookie.snapshot().into_keys().collect::<Vec<_>>();
    for (what, value) in [
        ("nulls", Json::Null),
        ("numbers", json!(-7).into()),
        ("lists", json!([]).into()),
        ("objects", json!({ "": null }).into()),
        ("odd texts", "\0\n".into()),
    ] {
        let context = session.context()?;
        for (odd, of) in
            [(&context.cookie, &written.cookie), (&context.session_cookie, &written.session_cookie)]
        {
            for name in names(of) {
                odd.set(name, value.clone()).map_err(|error| broken("an odd entry", error.to_string()))?;
            }
        }
        let other = fixture.session()?;
        other.store(&context);
        let what = format!("{what} in the cookies");
        let answer = answered(other.fetch(kind, &candidate), other.in_time(), name(kind), &what).await??;
        if let Some(out) = CheckedOut::of(answer, &candidate) {
            other.store(&context);
            let check_in = other.check_in(&out, USED)?;
            let answer = answered(other.give_back(&check_in), other.in_time(), "check_in", &what).await??;
            if answer.is_err() {
                other.store(&written);
                drop(other.give_back(&other.check_in(&out, USED)?).await?);
            }
        }
    }
    Ok::<(), Broken>(())
}
