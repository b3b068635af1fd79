//! Rules about reconciliation, by which a host asks what the outcome of a call was.

use keyway_certificates::{
    CertificateError, CertificateRevocation, DeleteCa, IntendedCall, ObjectRef, OrderOutcome, Reconciled,
    RetryMethod, RevocationReason,
};
use keyway_core::PluginError as _;

use super::authorities::{created, creation, deleted};
use super::changes::change;
use super::{Broken, CertificateFixture, Checked, Handle, RECONCILES, ensure, rules};
use crate::patience::{CANNOT_REFUSE, Patience};
use crate::unique::new_intent;

rules! {
    in CertificateFixture;
    "CER-060" Must needs RECONCILES from ["R2", "B6"]
        "Asked what became of an order, the authority tells that it was placed, or that nothing happened."
        orders;
    "CER-061" Must needs RECONCILES from ["R2", "B9"]
        "After the answer that an order was placed, a check goes on with it, with what is then in the plugin metadata."
        goes_on;
    "CER-062" Must needs RECONCILES from ["R2", "Barbican/cancel"]
        "Asked what became of a cancel, the authority tells a canceled order from one that is still open."
        cancels;
    "CER-063" Must needs RECONCILES from ["R2", "Barbican/modify"]
        "Asked what became of a change, the authority tells whether it was made."
        changes;
    "CER-064" Must needs RECONCILES from ["R2", "B19"]
        "Asked what became of an authority that was to be created, it names the one that was, or tells that none was."
        creations;
    "CER-065" Must needs RECONCILES from ["R2", "B19"]
        "Asked what became of an authority that was to be deleted, it tells whether it is still there."
        deletions;
    "CER-066" Must needs RECONCILES from ["R2", "B18"]
        "Asked what became of a revocation, the authority tells a revoked certificate from one that is valid."
        revocations;
    "CER-067" Must needs RECONCILES from ["R2"]
        "Asking what became of a call has no effect."
        without_effect;
}

/// Asks what became of a call, and again after a temporary error.
pub(super) async fn told(
    handle: &Handle<'_, '_>,
    call: IntendedCall,
    patience: &mut Patience,
) -> Result<Reconciled, CertificateError> {
    let question = call.into();
    loop {
        let answer = handle.authority.reconcile(&question).await;
        handle.record("reconcile", &answer.as_ref().map(|answer| word(answer)));
        match answer {
            Err(error) if patience.waits_out(&error, |delay| handle.clock.advance(delay)).await => {}
            answer => return answer,
        }
    }
}

/// Names an answer without its object, because the object may hold any text.
const fn word(answer: &Reconciled) -> &'static str {
    match answer {
        Reconciled::NothingHappened => "that nothing happened",
        Reconciled::Made(_) => "that an object was made",
        Reconciled::Destroyed => "that the object is destroyed",
        _ => "that it is not known",
    }
}

async fn must_tell(handle: &Handle<'_, '_>, call: IntendedCall, expected: &Reconciled) -> Checked {
    let answer = match told(handle, call, &mut Patience::default()).await {
        Ok(answer) => answer,
        Err(error) if error.kind().is_retryable() && *expected == Reconciled::NothingHappened => {
            return Err(CANNOT_REFUSE);
        }
        Err(error) => return Err(handle.unexpected("reconcile", &error)),
    };
    let observed = format!("{}, or another object", word(&answer));
    ensure(answer == *expected, word(expected), observed)
}

/// Skips the rule if `declared` is false.
fn declared(declared: bool, capability: &'static str) -> Checked {
    if declared { Ok(()) } else { Err(Broken::Missing { capability }) }
}

async fn orders(fixture: &CertificateFixture<'_>) -> Checked {
    let order = fixture.order()?;
    fixture.handle()?.must(RetryMethod::Issue, &order).await?;
    let after = fixture.handle()?;
    let made = Reconciled::Made(ObjectRef::Order(order.order.id.clone()));
    must_tell(&after, IntendedCall::Issue(order.after_kill().order), &made).await?;
    let never = fixture.order()?;
    must_tell(&after, IntendedCall::Issue(never.order), &Reconciled::NothingHappened).await
}

async fn goes_on(fixture: &CertificateFixture<'_>) -> Checked {
    let order = fixture.order()?;
    fixture.handle()?.must(RetryMethod::Issue, &order).await?;
    let mut order = order.after_kill();
    let after = fixture.handle()?;
    let question = IntendedCall::Issue(order.order.clone());
    let told = told(&after, question, &mut Patience::default()).await;
    told.map_err(|error| fixture.unexpected("reconcile", &error))?;
    let outcome = after.must(RetryMethod::Check, &order).await?;
    after.certified_after(&mut order, RetryMethod::Check, outcome).await.map(drop)
}

async fn cancels(fixture: &CertificateFixture<'_>) -> Checked {
    declared(fixture.subject().capabilities().cancels, "cancels")?;
    let handle = fixture.handle()?;
    let (mut order, _) = handle.open_order().await?;
    order.order.intent = new_intent();
    must_tell(&handle, IntendedCall::Cancel(order.order.clone()), &Reconciled::NothingHappened).await?;
    let outcome = handle.must(RetryMethod::Cancel, &order).await?;
    if !matches!(super::changes::is_canceled(&handle, &mut order, outcome).await?, OrderOutcome::Canceled(_))
    {
        return Err(Broken::Missing { capability: "an order that is canceled before its certificate" });
    }
    must_tell(&fixture.handle()?, IntendedCall::Cancel(order.order), &Reconciled::Destroyed).await
}

async fn changes(fixture: &CertificateFixture<'_>) -> Checked {
    declared(fixture.subject().capabilities().modifies, "modifies")?;
    let handle = fixture.handle()?;
    let (mut order, _) = handle.open_order().await?;
    change(fixture, &mut order)?;
    must_tell(&handle, IntendedCall::Modify(order.order.clone()), &Reconciled::NothingHappened).await?;
    handle.must(RetryMethod::Modify, &order).await?;
    let made = Reconciled::Made(ObjectRef::Order(order.order.id.clone()));
    must_tell(&fixture.handle()?, IntendedCall::Modify(order.order), &made).await
}

async fn creations(fixture: &CertificateFixture<'_>) -> Checked {
    declared(fixture.subject().capabilities().creates_cas, "creates_cas")?;
    let handle = fixture.handle()?;
    let request = creation(&handle).await?;
    must_tell(&handle, IntendedCall::CreateCa(request.clone()), &Reconciled::NothingHappened).await?;
    let made = created(&handle, &request).await?;
    let expected = Reconciled::Made(ObjectRef::Ca(made.id));
    must_tell(&fixture.handle()?, IntendedCall::CreateCa(request), &expected).await
}

async fn deletions(fixture: &CertificateFixture<'_>) -> Checked {
    let capabilities = fixture.subject().capabilities();
    declared(capabilities.creates_cas && capabilities.deletes_cas, "creates_cas and deletes_cas")?;
    let handle = fixture.handle()?;
    let made = created(&handle, &creation(&handle).await?).await?;
    let request = DeleteCa::new(new_intent(), made.id);
    must_tell(&handle, IntendedCall::DeleteCa(request.clone()), &Reconciled::NothingHappened).await?;
    deleted(&handle, &request).await?;
    must_tell(&fixture.handle()?, IntendedCall::DeleteCa(request), &Reconciled::Destroyed).await
}

async fn revocations(fixture: &CertificateFixture<'_>) -> Checked {
    declared(fixture.subject().capabilities().revokes, "revokes")?;
    let handle = fixture.handle()?;
    let (_, issued) = handle.issued().await?;
    let request = CertificateRevocation::new(new_intent(), issued.certificate, RevocationReason::default());
    must_tell(&handle, IntendedCall::Revoke(request.clone()), &Reconciled::NothingHappened).await?;
    super::life::revoked(&handle, &request).await?;
    must_tell(&fixture.handle()?, IntendedCall::Revoke(request), &Reconciled::Destroyed).await
}

async fn without_effect(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let order = fixture.order()?;
    handle.must(RetryMethod::Issue, &order).await?;
    let before = fixture.listed()?;
    let never = fixture.order()?;
    for asked in [&order, &never] {
        for call in [IntendedCall::Issue(asked.order.clone()), IntendedCall::Cancel(asked.order.clone())] {
            if let Err(error) = told(&handle, call, &mut Patience::default()).await {
                ensure(error.kind().is_retryable(), "an answer", format!("{:?}", error.kind()))?;
            }
        }
    }
    fixture.no_effect_since(&before, "`reconcile`")
}
