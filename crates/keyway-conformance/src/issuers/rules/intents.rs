//! Intents: the same one twice, and what became of one.

use keyway_issuers::{
    CredentialPart, IntendedEffect, Issued, IssuerError, PartKind, Reconciled, Reconciliation,
};

use super::rules;
use crate::issuers::place::{Desk, Place};
use crate::{Broken, broken, ensure};

rules! {
    "ISS-060" Must needs IDEMPOTENT from ["R2", "R3"]
        "Asked again for the same intent, also after a restart, the issuer answers with the same credential."
        same_credential;
    "ISS-061" Must needs IDEMPOTENT from ["R3"]
        "Asked again for the same intent, the issuer makes no second credential."
        one_effect;
    "ISS-062" Must needs RECONCILES from ["R2"]
        "Asked what became of a request, the issuer answers with the state of what was made, or that nothing was."
        reconciles_requests;
    "ISS-063" Must needs RECONCILES from ["R2"]
        "Asked what became of a revocation, the issuer tells what is destroyed from what is still there."
        reconciles_revocations;
    "ISS-064" Must needs CANNOT_RECONCILE from ["R2"]
        "An issuer that does not declare that it reconciles answers that it does not."
        undeclared;
}

fn kinds(issued: &Issued) -> Vec<(&str, &PartKind)> {
    issued.credential.iter().map(|part: &CredentialPart| (part.name.as_str(), &part.kind)).collect()
}

async fn same_credential(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let request = desk.example()?;
    let first = desk.issued(&request).await?;
    for (again, when) in [
        (desk.issued(&request).await?, "again"),
        (place.desk().await?.issued(&request).await?, "after a restart"),
    ] {
        ensure(again.state == first.state, "the same state", format!("another one {when}"))?;
        ensure(
            kinds(&again) == kinds(&first),
            format!("an answer {when} that is as good as the first: {} parts", first.credential.len()),
            format!("{} parts, or others", again.credential.len()),
        )?;
    }
    Ok(())
}

async fn one_effect(place: &Place<'_>) -> Result<(), Broken> {
    let before = place.listed()?.len();
    let desk = place.desk().await?;
    let request = desk.example()?;
    desk.issued(&request).await?;
    desk.issued(&request).await?;
    place.desk().await?.issued(&request).await?;
    let made = place.listed()?.len().saturating_sub(before);
    ensure(made == 1, "one credential", made.to_string())
}

async fn ask(
    desk: &Desk<'_, '_>,
    context: &keyway_issuers::Context,
    effect: IntendedEffect,
) -> Result<Reconciled, Broken> {
    let mut context = context.clone();
    context.access_token = None;
    context.additional_logins.clear();
    let reconciled = desk.issuer.reconcile(&Reconciliation::new(context, effect)).await;
    desk.place.record(format!("reconcile: {}", crate::issuers::place::word(&reconciled)));
    reconciled.map_err(|error| desk.place.unexpected("reconcile", &error))
}

fn told(reconciled: &Reconciled) -> String {
    match reconciled {
        // What a state says is nobody's business here.
        Reconciled::Made(_) => "that one was made".to_owned(),
        other => format!("{other:?}"),
    }
}

async fn reconciles_requests(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let (context, issued) = desk.made().await?;
    let after = place.desk().await?;
    let answer = ask(&after, &context, IntendedEffect::Request).await?;
    ensure(answer == Reconciled::Made(issued.state), "that it was made, and its state", told(&answer))?;
    let other = after.context()?;
    let answer = ask(&after, &other, IntendedEffect::Request).await?;
    ensure(answer == Reconciled::NothingHappened, "that nothing happened", told(&answer))
}

async fn reconciles_revocations(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let (context, issued) = desk.made().await?;
    let intended = context.clone().with_intent(place.intent());
    let answer = ask(&desk, &intended, IntendedEffect::Revoke(issued.state.clone())).await?;
    ensure(answer == Reconciled::NothingHappened, "that nothing happened", told(&answer))?;
    desk.revoked(&context, &issued.state).await?;
    let answer = ask(&place.desk().await?, &intended, IntendedEffect::Revoke(issued.state)).await?;
    ensure(answer == Reconciled::Destroyed, "that it is destroyed", told(&answer))
}

async fn undeclared(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let (context, issued) = desk.made().await?;
    for effect in [IntendedEffect::Request, IntendedEffect::Revoke(issued.state)] {
        match desk.issuer.reconcile(&Reconciliation::new(context.clone(), effect)).await {
            Err(IssuerError::Unsupported { .. }) => {}
            Ok(_) => return Err(broken("that it is not supported", "an answer")),
            Err(error) => {
                return Err(broken(
                    "that it is not supported",
                    format!("{:?}", keyway_core::PluginError::kind(&error)),
                ));
            }
        }
    }
    Ok(())
}
