//! Tests repeated intents, and questions about the outcome of an intent.

use keyway_core::{Effect, PluginError as _};
use keyway_issuers::{
    Context, IntendedEffect, Issued, IssuerError, PartKind, Reconciled, Reconciliation, RequestOutcome,
};

use super::{
    Broken, CANNOT_RECONCILE, Checked, Handle, IDEMPOTENT, IssuerFixture, RECONCILES, broken, ensure, rules,
};
use crate::patience::{CANNOT_REFUSE, Patience};
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
    "ISS-066" Must needs IDEMPOTENT from ["R3", "H328"]
        "After a revocation, a late or repeated request with the intent of the credential makes no credential."
        revoked_requests;
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

/// Asks for the outcome of an effect as a host does: without tokens and logins, because a host does not store them, and
/// again after a temporary error. Demands the answer `expected`.
async fn must_tell(
    handle: &Handle<'_, '_>,
    context: &Context,
    effect: IntendedEffect,
    expected: Reconciled,
    patience: &mut Patience,
) -> Checked {
    let mut context = context.clone();
    context.requester.access_token = None;
    context.requester.additional_logins.clear();
    let question = Reconciliation::new(context, effect);
    loop {
        let reconciled = handle.issuer.reconcile(&question).await;
        handle.record("reconcile", &reconciled);
        match reconciled {
            Ok(answer) => return ensure(answer == expected, told(&expected), told(&answer)),
            Err(error) if patience.waits_out(&error, |_| ()).await => {}
            Err(error) if error.kind().is_retryable() && expected == Reconciled::NothingHappened => {
                return Err(CANNOT_REFUSE);
            }
            Err(error) => return Err(handle.unexpected("reconcile", &error)),
        }
    }
}

const fn told(reconciled: &Reconciled) -> &'static str {
    match reconciled {
        // The text leaves out the reference to the credential (`state`), since a faulty reference may contain secrets.
        Reconciled::Made(_) => "that one was made, and its state",
        Reconciled::NothingHappened => "that nothing happened",
        Reconciled::Destroyed => "that it is destroyed",
        _ => "that it is not known",
    }
}

async fn reconciles_requests(fixture: &IssuerFixture<'_>) -> Checked {
    let (_, context, issued) = fixture.made().await?;
    let (after, mut patience) = (fixture.handle().await?, Patience::default());
    let made = Reconciled::Made(issued.state);
    must_tell(&after, &context, IntendedEffect::Request, made, &mut patience).await?;
    let (never, nothing) = (after.context()?, Reconciled::NothingHappened);
    must_tell(&after, &never, IntendedEffect::Request, nothing, &mut patience).await
}

async fn reconciles_revocations(fixture: &IssuerFixture<'_>) -> Checked {
    let (handle, context, issued) = fixture.made().await?;
    let (intended, mut patience) = (context.clone().with_intent(new_intent()), Patience::default());
    let (effect, nothing) = (IntendedEffect::Revoke(issued.state.clone()), Reconciled::NothingHappened);
    must_tell(&handle, &intended, effect.clone(), nothing, &mut patience).await?;
    handle.revoked(&context, &issued.state).await?;
    must_tell(&fixture.handle().await?, &intended, effect, Reconciled::Destroyed, &mut patience).await
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
    let mut patience = Patience::default();
    match late_request(fixture, &mut patience).await {
        // The issuer waited until no call could be late any more, so it need not refuse the call of this rule.
        Err(Broken::Rule { .. }) if patience.has_waited() => Err(CANNOT_REFUSE),
        checked => checked,
    }
}

async fn late_request(fixture: &IssuerFixture<'_>, patience: &mut Patience) -> Checked {
    let handle = fixture.handle().await?;
    let (request, nothing) = (handle.example_request()?, || Reconciled::NothingHappened);
    must_tell(&handle, &request.context, IntendedEffect::Request, nothing(), patience).await?;
    // Simulates a suspended process, whose call reaches the issuer only after the question about the outcome.
    let answer = handle.request(&request).await;
    let made = matches!(answer, Ok(RequestOutcome::Issued(_)));
    ensure(
        !made,
        "no credential, since the host was told that there is none",
        "one that the host does not know",
    )?;
    // Asks again, since a request that failed may also have left a credential.
    must_tell(&handle, &request.context, IntendedEffect::Request, nothing(), patience).await
}

async fn revoked_requests(fixture: &IssuerFixture<'_>) -> Checked {
    let before = fixture.listed().ok();
    let handle = fixture.handle().await?;
    let request = handle.example_request()?;
    let issued = handle.issued(&request).await?;
    handle.revoked(&request.context, &issued.state).await?;
    // Simulates a suspended process, whose call reaches the issuer only after the revocation.
    for late in [handle, fixture.handle().await?] {
        let answer = late.request(&request).await;
        let made = match &before {
            Some(before) => fixture.listed()?.len().saturating_sub(before.len()),
            // Without a list, the rule cannot tell whether an answered credential works.
            None => match answer {
                Err(error) if error.orphan().is_some() => 1,
                Err(error) if error.effect() == Effect::None => 0,
                _ => return fixture.listed().map(drop),
            },
        };
        ensure(made == 0, "no credential, since it was revoked", made.to_string())?;
    }
    Ok(())
}
