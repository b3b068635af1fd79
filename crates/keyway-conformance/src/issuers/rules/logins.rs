//! Another login as an outcome.

use keyway_issuers::{CredentialRequest, LoginRequired, RequestOutcome};

use super::rules;
use crate::issuers::place::{Desk, Place};
use crate::{Broken, broken, ensure};

rules! {
    "ISS-070" Must needs LOGIN from ["W6"]
        "Without the login that it needs, the issuer asks for it, and names the provider and what to tell the user."
        asks;
    "ISS-071" Must needs LOGIN from ["W6"]
        "Asked again with the login, for the same intent, the issuer answers with a credential."
        goes_on;
}

/// The example without its logins, and what was answered.
async fn asked(desk: &Desk<'_, '_>) -> Result<(CredentialRequest, LoginRequired), Broken> {
    let mut request = desk.example()?;
    request.context.additional_logins.clear();
    match desk.request(&request).await {
        Ok(RequestOutcome::LoginRequired(login)) => Ok((request, login)),
        Ok(RequestOutcome::Issued(_)) => Err(broken("the wish for another login", "a credential")),
        Err(error) => Err(desk.place.unexpected("the request without another login", &error)),
    }
}

async fn asks(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let listing = place.subject().listing.is_some();
    let before = if listing { place.listed()? } else { Vec::new() };
    let (_, login) = asked(&desk).await?;
    ensure(!login.provider.trim().is_empty(), "the name of a provider", "none")?;
    ensure(!login.message.trim().is_empty(), "words for the user", "none")?;
    if listing {
        ensure(place.listed()? == before, "nothing made yet", "a credential that nobody gets")?;
    }
    Ok(())
}

async fn goes_on(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let (mut request, _) = asked(&desk).await?;
    request.context.additional_logins.clone_from(&place.subject().example.logins);
    desk.issued(&request).await.map(drop)
}
