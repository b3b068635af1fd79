//! Tests the answer in which an issuer asks for another login of the user.

use keyway_issuers::{CredentialRequest, LoginRequired, RequestOutcome};

use super::{Broken, Checked, Handle, IssuerFixture, LOGIN, broken, ensure, rules};

rules! {
    in IssuerFixture;
    "ISS-070" Must needs LOGIN from ["W6"]
        "Without a login that it needs, the issuer asks for it, and gives the provider and a message for the user."
        asks;
    "ISS-071" Must needs LOGIN from ["W6"]
        "Asked again with the login, for the same intent, the issuer answers with a credential."
        goes_on;
}

/// Sends the example without its logins.
async fn asked(handle: &Handle<'_, '_>) -> Result<(CredentialRequest, LoginRequired), Broken> {
    let mut request = handle.example_request()?;
    request.context.requester.additional_logins.clear();
    match handle.request(&request).await {
        Ok(RequestOutcome::LoginRequired(login)) => Ok((request, login)),
        Ok(RequestOutcome::Issued(_)) => Err(broken("the wish for another login", "a credential")),
        Err(error) => Err(handle.unexpected("the request without another login", &error)),
    }
}

async fn asks(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let before = fixture.listed().ok();
    let (_, login) = asked(&handle).await?;
    ensure(!login.provider.trim().is_empty(), "the name of a provider", "none")?;
    ensure(!login.message.trim().is_empty(), "words for the user", "none")?;
    ensure(fixture.listed().ok() == before, "nothing made yet", "a credential that no caller gets")
}

async fn goes_on(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let (mut request, _) = asked(&handle).await?;
    request.context.requester.additional_logins.clone_from(&fixture.example().logins);
    handle.issued(&request).await.map(drop)
}
