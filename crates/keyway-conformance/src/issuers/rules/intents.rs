//! Tests repeated intents, and questions about the outcome of an intent.

use keyway_core::PluginError as _;
use keyway_issuers::{
    Context, IntendedEffect, Issued, IssuerError, PartKind, Reconciled, Reconciliation, RequestOutcome,
};

use super::{
    Broken, CANNOT_RECONCILE, Checked, Handle, IDEMPOTENT, IssuerFixture, RECONCILES, broken, ensure, rules,
};
use crate::unique::new_intent;

rules! {
    in IssuerFixture;
    "ISS-060" Must needs IDEMPOTENT from ["R2", "R3"]
        "Asked again for the same intent, also after a restart, the issuer answers with the same credential."
        same_credential;
    "ISS-061" Must needs IDEMPOTENT from ["R3"]
        "Asked again for the same intent, the issuer makes no second credential."
        one_effect;
    "ISS-062" Must needs RECONCILES from ["R2"]
        "Asked about an earlier request, the issuer answers with the state of the credential, or that none was made."
        reconciles_requests;
    "ISS-063" Must needs RECONCILES from ["R2"]
        "Asked about an earlier revocation, the issuer tells whether the credential is destroyed or still exists."
        reconciles_revocations;
    "ISS-064" Must needs CANNOT_RECONCILE from ["R2"]
        "An issuer that does not declare `reconciles` answers that it does not support it."
        undeclared;
    "ISS-065" Must needs RECONCILES from ["R2", "H294"]
        "After the answer that nothing happened, a late request with that intent makes no credential."
        late_requests;
}

fn kinds(issued: &Issued) -> Vec<(&str, &PartKind)> {
    issued.credential.iter().map(|part| (part.name.as_str(), &part.kind)).collect()
}

async fn same_credential(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let request = handle.example_request()?;
    let first = handle.issued(&request).await?;
    for (again, when) in [
        (handle.issued(&request).await?, "again"),
        (fixture.handle().await?.issued(&request).await?, "after a restart"),
    ] {
        ensure(again.state == first.state, "the same state", format!("another one {when}"))?;
        let (parts, found) = (first.credential.len(), again.credential.len());
        let expected = format!("an answer {when} that is as good as the first: {parts} parts");
        ensure(kinds(&again) == kinds(&first), expected, format!("{found} parts, or others"))?;
    }
    Ok(())
}

async fn one_effect(fixture: &IssuerFixture<'_>) -> Checked {
    let before = fixture.listed()?.len();
    let handle = fixture.handle().await?;
    let request = handle.example_request()?;
    handle.issued(&request).await?;
    handle.issued(&request).await?;
    fixture.handle().await?.issued(&request).await?;
    let made = fixture.listed()?.len().saturating_sub(before);
    ensure(made == 1, "one credential", made.to_string())
}

/// Asks for the outcome of an effect as a host does: without tokens and logins, because a host does not store them.
async fn ask(
    handle: &Handle<'_, '_>,
    context: &Context,
    effect: IntendedEffect,
) -> Result<Reconciled, Broken> {
    let mut context = context.clone();
    context.requester.access_token = None;
    context.requester.additional_logins.clear();
    let reconciled = handle.issuer.reconcile(&Reconciliation::new(context, effect)).await;
    handle.record("reconcile", &reconciled);
    reconciled.map_err(|error| handle.unexpected("reconcile", &error))
}

fn told(reconciled: &Reconciled) -> String {
    match reconciled {
        // The text leaves out the reference to the credential (`state`), since a faulty reference may contain secrets.
        Reconciled::Made(_) => "that one was made".to_owned(),
        other => format!("{other:?}"),
    }
}

async fn reconciles_requests(fixture: &IssuerFixture<'_>) -> Checked {
    let (_, context, issued) = fixture.made().await?;
    let after = fixture.handle().await?;
    let answer = ask(&after, &context, IntendedEffect::Request).await?;
    ensure(answer == Reconciled::Made(issued.state), "that it was made, and its state", told(&answer))?;
    let answer = ask(&after, &after.context()?, IntendedEffect::Request).await?;
    ensure(answer == Reconciled::NothingHappened, "that nothing happened", told(&answer))
}

async fn reconciles_revocations(fixture: &IssuerFixture<'_>) -> Checked {
    let (handle, context, issued) = fixture.made().await?;
    let intended = context.clone().with_intent(new_intent());
    let answer = ask(&handle, &intended, IntendedEffect::Revoke(issued.state.clone())).await?;
    ensure(answer == Reconciled::NothingHappened, "that nothing happened", told(&answer))?;
    handle.revoked(&context, &issued.state).await?;
    let answer = ask(&fixture.handle().await?, &intended, IntendedEffect::Revoke(issued.state)).await?;
    ensure(answer == Reconciled::Destroyed, "that it is destroyed", told(&answer))
}

async fn undeclared(fixture: &IssuerFixture<'_>) -> Checked {
    let (handle, context, issued) = fixture.made().await?;
    for effect in [IntendedEffect::Request, IntendedEffect::Revoke(issued.state)] {
        let observed = match handle.issuer.reconcile(&Reconciliation::new(context.clone(), effect)).await {
            Err(IssuerError::Unsupported { .. }) => continue,
            Ok(_) => "an answer".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        };
        return Err(broken("that it is not supported", observed));
    }
    Ok(())
}

async fn late_requests(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let request = handle.example_request()?;
    let answer = ask(&handle, &request.context, IntendedEffect::Request).await?;
    ensure(answer == Reconciled::NothingHappened, "that nothing happened", told(&answer))?;
    // Simulates a suspended process, whose call reaches the issuer only after the question about the outcome.
    let answer = handle.request(&request).await;
    let made = matches!(answer, Ok(RequestOutcome::Issued(_)));
    ensure(
        !made,
        "no credential, since the host was told that there is none",
        "one that the host does not know",
    )?;
    // Asks again, since a request that failed may also have left a credential.
    let answer = ask(&handle, &request.context, IntendedEffect::Request).await?;
    ensure(answer == Reconciled::NothingHappened, "that nothing happened", told(&answer))
}
