//! Revocation: the state is all that an issuer needs.

use keyway_core::{ErrorKind, PluginError as _};
use keyway_issuers::CredentialRef;

use super::rules;
use crate::issuers::place::Place;
use crate::{Broken, broken, ensure};

rules! {
    "ISS-050" Must from ["WaTTS/revoke", "WaTTS/revoke.result", "WaTTS/action"]
        "A credential that was made can be revoked."
        revokes;
    "ISS-051" Must needs LISTING from ["WaTTS/revoke", "WaTTS/revoke.result"]
        "What was revoked is gone."
        gone;
    "ISS-052" Must needs LISTING from ["WaTTS/cred_state", "WaTTS/revoke"]
        "Revoking one credential leaves all others."
        leaves_others;
    "ISS-053" Must from ["W6"]
        "Revoking twice succeeds twice."
        twice;
    "ISS-054" Must from ["W6", "WaTTS/cred_state"]
        "Revoking a state that never was succeeds or is refused."
        unknown;
    "ISS-055" Must from ["W6", "WaTTS/cred_state", "WaTTS/state"]
        "The state is enough: another handle revokes it, opened later, without the tokens of the request."
        state_is_enough;
    "ISS-056" Must from ["WaTTS/request", "W6"]
        "After a revocation the user can have a credential again."
        again;
    "ISS-057" Must needs LISTING from ["WaTTS/cred_state", "W6"]
        "Revoking a state that never was takes nothing away."
        unknown_takes_nothing;
}

async fn revokes(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let (context, issued) = desk.made().await?;
    desk.revoked(&context, &issued.state).await
}

async fn gone(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let (context, issued) = desk.made().await?;
    desk.revoked(&context, &issued.state).await?;
    ensure(!place.listed()?.contains(&issued.state), "nothing under the revoked state", "it is still there")
}

async fn leaves_others(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let (_, first) = desk.made().await?;
    let (context, second) = desk.made().await?;
    if first.state == second.state {
        // The host reports it (decision W6), and there is no other to be left.
        return Ok(());
    }
    let before = place.listed()?;
    desk.revoked(&context, &second.state).await?;
    let after = place.listed()?;
    let expected: Vec<_> = before.into_iter().filter(|state| *state != second.state).collect();
    ensure(after == expected, format!("{} others", expected.len()), format!("{}", after.len()))
}

async fn twice(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let (context, issued) = desk.made().await?;
    desk.revoked(&context, &issued.state).await?;
    desk.revoked(&context, &issued.state).await?;
    // And once more as after a restart.
    place.desk().await?.revoked(&context, &issued.state).await
}

const UNKNOWN: [&str; 4] = ["kit-no-such-state", "", "../../kit \u{f6}'\";$(id)\n", "undefined"];

async fn unknown(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let context = desk.context()?;
    for state in UNKNOWN {
        if let Err(error) = desk.revoke(&context, &CredentialRef::new(state)).await {
            let typed = matches!(error.kind(), ErrorKind::Denied | ErrorKind::NotFound | ErrorKind::Invalid);
            let expected = format!("success or a refusal for the state {state:?}");
            ensure(typed, expected, format!("{:?}: {}", error.kind(), error.detail()))?;
        }
    }
    Ok(())
}

async fn unknown_takes_nothing(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    desk.made().await?;
    let before = place.listed()?;
    let context = desk.context()?;
    for state in UNKNOWN {
        let _ = desk.revoke(&context, &CredentialRef::new(state)).await;
    }
    let after = place.listed()?;
    ensure(after == before, format!("{} credentials", before.len()), format!("{}", after.len()))
}

async fn state_is_enough(place: &Place<'_>) -> Result<(), Broken> {
    let (context, issued) = {
        let desk = place.desk().await?;
        desk.made().await?
    };
    // A host keeps neither tokens nor logins.
    let mut stored = context;
    stored.access_token = None;
    stored.additional_logins.clear();
    place.desk().await?.revoked(&stored, &issued.state).await?;
    if place.subject().listing.is_some() && place.listed()?.contains(&issued.state) {
        return Err(broken("nothing under the revoked state", "it is still there"));
    }
    Ok(())
}

async fn again(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    for _ in 0..2 {
        let (context, issued) = desk.made().await?;
        desk.revoked(&context, &issued.state).await?;
    }
    desk.made().await.map(drop)
}
