//! Rules about outcomes of fetches.

use keyway_credentials::FetchOutcome;

use super::{Broken, Checked, FOUND, StoreFixture, broken, ensure, nobody, placed_if_told, rules};
use crate::credentials::given::{Given, name, word};

rules! {
    in StoreFixture;
    "CRE-010" Must needs FOUND from ["SPS/passwords", "SPS/private_keys", "SPS/account", "SPS/asset", "S1"]
        "A fetch of the example finds credentials, of each kind that is declared."
        found;
    "CRE-011" Must from ["S1", "H369", "SPS/way"]
        "A fetch of an account that the vault does not have answers `NotFound`, or `Denied` with a message if the \
         vault conceals that: it neither fails nor finds anything."
        not_found;
    "CRE-012" Must from ["S1"]
        "A fetch that the vault refuses the user answers `Denied`, with a message."
        denied;
    "CRE-013" Must from ["S1"]
        "A fetch for which the user has to tell more answers `NeedInfo`, with a message."
        needs_info;
    "CRE-014" Must from ["S1"]
        "A fetch from a vault that cannot be reached answers `Unavailable`."
        unavailable;
    "CRE-015" Should needs FOUND from ["S7"]
        "No password is empty, and none stands twice in a list."
        passwords;
}

async fn found(fixture: &StoreFixture<'_>) -> Checked {
    for kind in fixture.kinds() {
        fixture.session()?.found(kind, &fixture.example(kind, 0)?).await?;
        fixture.give_all_back().await;
    }
    Ok(())
}

/// Fetches each declared kind of an account's credentials. `is_it` tells whether the outcome is the expected one.
async fn each(
    fixture: &StoreFixture<'_>,
    candidate: &keyway_credentials::Candidate,
    expected: &str,
    is_it: fn(&FetchOutcome<Given>) -> bool,
) -> Checked {
    let session = fixture.session()?;
    for kind in fixture.kinds() {
        let expected = format!("{expected} of `{}`", name(kind));
        match session.fetch(kind, candidate).await? {
            Ok(outcome) => ensure(is_it(&outcome), expected, word(&outcome))?,
            Err(error) => return Err(broken(expected, fixture.clean(&format!("an error: {error}")))),
        }
    }
    if fixture.kinds().is_empty() {
        Err(Broken::Missing { capability: "a kind of credentials" })
    } else {
        Ok(())
    }
}

async fn not_found(fixture: &StoreFixture<'_>) -> Checked {
    let is_it = |outcome: &_| matches!(outcome, FetchOutcome::NotFound) || is_denied(outcome);
    each(fixture, &nobody()?, "`NotFound`, or `Denied` with a message,", is_it).await
}

fn is_denied(outcome: &FetchOutcome<Given>) -> bool {
    matches!(outcome, FetchOutcome::Denied(it) if !it.message.trim().is_empty())
}

async fn denied(fixture: &StoreFixture<'_>) -> Checked {
    let candidate = placed_if_told(fixture.subject().denied.as_ref(), "denied example")?;
    each(fixture, &candidate, "`Denied` with a message", is_denied).await
}

async fn needs_info(fixture: &StoreFixture<'_>) -> Checked {
    let candidate = placed_if_told(fixture.subject().needs_info.as_ref(), "example that needs information")?;
    let is_it = |outcome: &_| matches!(outcome, FetchOutcome::NeedInfo(it) if !it.message.trim().is_empty());
    each(fixture, &candidate, "`NeedInfo` with a message", is_it).await
}

async fn unavailable(fixture: &StoreFixture<'_>) -> Checked {
    let candidate = placed_if_told(fixture.subject().unavailable.as_ref(), "unavailable example")?;
    let is_it = |outcome: &_| matches!(outcome, FetchOutcome::Unavailable { .. });
    each(fixture, &candidate, "`Unavailable`", is_it).await
}

async fn passwords(fixture: &StoreFixture<'_>) -> Checked {
    for kind in fixture.kinds() {
        let found = fixture.session()?.found(kind, &fixture.example(kind, 0)?).await?;
        fixture.give_all_back().await;
        let passwords = match &found.given {
            Given::Passwords(passwords) => passwords,
            Given::RemoteApp(app) => &app.passwords,
            _ => continue,
        };
        let mut all: Vec<_> = passwords.iter().map(keyway_credentials::Password::expose).collect();
        ensure(all.iter().all(|password| !password.is_empty()), "passwords", "an empty one")?;
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        ensure(all.len() == count, "each password once", format!("{count}, of which {} differ", all.len()))?;
    }
    Ok(())
}
