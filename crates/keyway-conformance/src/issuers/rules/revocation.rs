//! Tests revocations. A revocation needs only the reference to the credential (`state` on the wire).

use keyway_core::{ErrorKind, PluginError as _};
use keyway_issuers::CredentialRef;

use super::{Broken, Checked, IssuerFixture, LISTING, ensure, rules};

rules! {
    in IssuerFixture;
    "ISS-050" Must from ["WaTTS/revoke", "WaTTS/revoke.result", "WaTTS/action"]
        "A credential that was made can be revoked."
        revokes;
    "ISS-051" Must needs LISTING from ["WaTTS/revoke", "WaTTS/revoke.result"]
        "A revoked credential is gone."
        gone;
    "ISS-052" Must needs LISTING from ["WaTTS/cred_state", "WaTTS/revoke"]
        "Revoking one credential keeps all others."
        leaves_others;
    "ISS-053" Must from ["W6"]
        "Revoking twice succeeds twice."
        twice;
    "ISS-054" Must from ["W6", "WaTTS/cred_state"]
        "Revoking a state that never existed succeeds or is refused."
        unknown;
    "ISS-055" Must from ["W6", "WaTTS/cred_state", "WaTTS/state"]
        "The state is enough: another handle revokes it, opened later, without the tokens of the request."
        state_is_enough;
    "ISS-056" Must from ["WaTTS/request", "W6"]
        "After a revocation the user can have a credential again."
        again;
    "ISS-057" Must needs LISTING from ["WaTTS/cred_state", "W6"]
        "Revoking a state that never existed removes no credential."
        unknown_takes_nothing;
    "ISS-058" Must needs LISTING from ["WaTTS/cred_state", "W6"]
        "Revoking a state that differs from another in case or in its Unicode form alone removes no credential."
        alike_takes_nothing;
}

async fn revokes(fixture: &IssuerFixture<'_>) -> Checked {
    let (handle, context, issued) = fixture.made().await?;
    handle.revoked(&context, &issued.state).await
}

/// Demands that a revoked credential no longer exists, if the kit can list credentials.
fn is_gone(fixture: &IssuerFixture<'_>, state: &CredentialRef) -> Checked {
    let there = fixture.listed().is_ok_and(|listed| listed.contains(state));
    ensure(!there, "nothing under the revoked state", "it is still there")
}

async fn gone(fixture: &IssuerFixture<'_>) -> Checked {
    let (handle, context, issued) = fixture.made().await?;
    handle.revoked(&context, &issued.state).await?;
    is_gone(fixture, &issued.state)
}

async fn leaves_others(fixture: &IssuerFixture<'_>) -> Checked {
    let (handle, context, first) = fixture.made().await?;
    let (_, second) = handle.made_beside().await?;
    if first.state == second.state {
        // Both requests gave the same reference, so no second credential exists that the revocation could destroy by
        // mistake. A host reports a reference that repeats (decision W6).
        return Err(Broken::Missing { capability: "two credentials at once" });
    }
    let mut expected = fixture.listed()?;
    handle.revoked(&context, &second.state).await?;
    expected.retain(|state| *state != second.state);
    let after = fixture.listed()?;
    ensure(after == expected, format!("{} others", expected.len()), after.len().to_string())
}

async fn twice(fixture: &IssuerFixture<'_>) -> Checked {
    let (handle, context, issued) = fixture.made().await?;
    handle.revoked(&context, &issued.state).await?;
    handle.revoked(&context, &issued.state).await?;
    // Revokes again through a new handle, as a host does after a restart.
    fixture.handle().await?.revoked(&context, &issued.state).await
}

const UNKNOWN: [&str; 4] = ["kit-no-such-state", "", "kit/../kit \u{f6}'\";$(id)\n", "undefined"];

async fn unknown(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let context = handle.context()?;
    for state in UNKNOWN {
        if let Err(error) = handle.revoke(&context, &CredentialRef::new(state)).await {
            let typed = matches!(error.kind(), ErrorKind::Denied | ErrorKind::NotFound | ErrorKind::Invalid);
            let expected = format!("success or a refusal for the state {state:?}");
            ensure(typed, expected, format!("{:?}: {}", error.kind(), fixture.clean(&error.detail())))?;
        }
    }
    Ok(())
}

async fn unknown_takes_nothing(fixture: &IssuerFixture<'_>) -> Checked {
    let (handle, _, _) = fixture.made().await?;
    let before = fixture.listed()?;
    let context = handle.context()?;
    for state in UNKNOWN {
        let _ = handle.revoke(&context, &CredentialRef::new(state)).await;
    }
    let after = fixture.listed()?;
    ensure(after == before, format!("{} credentials", before.len()), after.len().to_string())
}

async fn alike_takes_nothing(fixture: &IssuerFixture<'_>) -> Checked {
    let (handle, context, issued) = fixture.made().await?;
    let before = fixture.listed()?;
    let state = issued.state.as_str();
    // Some file systems fold names: they ignore a combining accent after the last letter, or equate full-width letters
    // with plain ones.
    let wide = |letter: char| match letter {
        '!'..='~' => char::from_u32(u32::from(letter) + 0xfee0).unwrap_or(letter),
        other => other,
    };
    let alike = [
        state.to_uppercase(),
        state.to_lowercase(),
        format!("{state}\u{301}"),
        state.chars().map(wide).collect(),
    ];
    for other in alike.into_iter().filter(|other| other != state) {
        let _ = handle.revoke(&context, &CredentialRef::new(other)).await;
        let after = fixture.listed()?;
        ensure(after == before, format!("{} credentials", before.len()), after.len().to_string())?;
    }
    Ok(())
}

async fn state_is_enough(fixture: &IssuerFixture<'_>) -> Checked {
    let (handle, mut context, issued) = fixture.made().await?;
    drop(handle);
    // Removes tokens and logins, because a host does not store them.
    context.requester.access_token = None;
    context.requester.additional_logins.clear();
    fixture.handle().await?.revoked(&context, &issued.state).await?;
    is_gone(fixture, &issued.state)
}

async fn again(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    for _ in 0..2 {
        let (context, issued) = handle.made().await?;
        handle.revoked(&context, &issued.state).await?;
    }
    handle.made().await.map(drop)
}
