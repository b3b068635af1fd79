//! Mutants that cancel and change orders wrongly, and mutants that do not tell the truth about calls.

use keyway_certificates::{
    CaId, CertificateAuthority as _, CertificateError, IntendedCall, ObjectRef, OrderOutcome, Reconciled,
};

use super::plugin::ca_mutant;
use super::{CertificateSubject, mutants, operation};
use crate::lock::locked;

mutants! {
    for CertificateSubject, by ca_mutant;
    CancelsNothing breaks ["CER-050"] "fails an order that is canceled"
        (cancel |mutant, _order| {
            let _ = mutant;
            Ok(OrderOutcome::InvalidOperation("It cannot be canceled.".into()))
        })
    CertifiesCanceled breaks ["CER-051"] "makes a certificate for a canceled order"
        (check |mutant, order| match mutant.ca.check(order).await? {
            OrderOutcome::Canceled(_) => Ok(mutant.ca.issued.clone().into()),
            other => Ok(other),
        })
    CancelsAll breaks ["CER-052"] "cancels all orders with one"
        (issue |mutant, order| {
            locked(&mutant.notes.kept).push(order.clone());
            mutant.ca.issue(order).await
        },
        cancel |mutant, order| {
            let all = locked(&mutant.notes.kept).clone();
            for other in all {
                mutant.ca.cancel(&other).await?;
            }
            mutant.ca.cancel(order).await
        })
    LosesChangedOrders breaks ["CER-054"] "does not know an order again that it changed"
        (modify |mutant, order| {
            let outcome = mutant.ca.modify(order).await?;
            order.plugin_meta.remove("ticket");
            Ok(outcome)
        })
    ForgetsWhatItDidNotChange breaks ["CER-055"] "removes its data when it makes no change"
        (modify |mutant, order| {
            let outcome = mutant.ca.modify(order).await;
            if let Err(CertificateError::Unsupported { .. }) = outcome {
                order.plugin_meta.remove("ticket");
            }
            outcome
        })
    PanicsOnOddChanges breaks ["CER-056"] "takes it for granted that the new name is a text"
        (modify |mutant, order| {
            let _ = order.metadata.text("name").expect("a text");
            mutant.ca.modify(order).await
        })
    TellsNothingOfOrders breaks ["CER-060"] "tells of every order that nothing happened"
        (reconcile |mutant, question| match question.context {
            IntendedCall::Issue(_) => Ok(Reconciled::NothingHappened),
            _ => mutant.ca.reconcile(question).await,
        })
    TellsWithoutTicket breaks ["CER-061"] "tells that an order was placed, and not its ticket"
        (reconcile |mutant, question| {
            let told = mutant.ca.reconcile(question).await;
            if let IntendedCall::Issue(order) = &question.context {
                order.plugin_meta.remove("ticket");
            }
            told
        })
    TellsCanceled breaks ["CER-062"] "tells of every order that it is canceled"
        (reconcile |mutant, question| match question.context {
            IntendedCall::Cancel(_) => Ok(Reconciled::Destroyed),
            _ => mutant.ca.reconcile(question).await,
        })
    TellsChanged breaks ["CER-063"] "tells of every change that it was made"
        (reconcile |mutant, question| match &question.context {
            IntendedCall::Modify(order) => Ok(Reconciled::Made(ObjectRef::Order(order.id.clone()))),
            _ => mutant.ca.reconcile(question).await,
        })
    TellsAnotherAuthority breaks ["CER-064"] "tells that another authority was created"
        (reconcile |mutant, question| match mutant.ca.reconcile(question).await? {
            Reconciled::Made(ObjectRef::Ca(_)) => Ok(Reconciled::Made(ObjectRef::Ca(CaId::new("base")?))),
            other => Ok(other),
        })
    TellsDeleted breaks ["CER-065"] "tells of every authority that it is deleted"
        (reconcile |mutant, question| match question.context {
            IntendedCall::DeleteCa(_) => Ok(Reconciled::Destroyed),
            _ => mutant.ca.reconcile(question).await,
        })
    TellsRevoked breaks ["CER-066"] "tells of every certificate that it is revoked"
        (reconcile |mutant, question| match question.context {
            IntendedCall::Revoke(_) => Ok(Reconciled::Destroyed),
            _ => mutant.ca.reconcile(question).await,
        })
    CancelsWhenAsked breaks ["CER-067"] "cancels the order that it is asked about"
        (reconcile |mutant, question| {
            if let IntendedCall::Cancel(order) = &question.context {
                mutant.ca.cancel(order).await?;
            }
            mutant.ca.reconcile(question).await
        })
}
