//! Mutants that forget intents or their own data, and mutants that break when a call is dropped.

use keyway_certificates::{
    CertificateAuthority as _, CertificateError, CertificateOrder, IssuedCertificate, Json, OrderOutcome,
    Pem, PluginMeta,
};

use super::plugin::{CaResult, Mutated, ca_mutant, memory, name_in, new_intent};
use super::{CertificateSubject, mutants, operation};
use crate::certificates::CaCall;
use crate::lock::locked;

mutants! {
    for CertificateSubject, by ca_mutant;
    CertifiesForEachCall breaks ["CER-030"] "makes another certificate for an order that is placed again"
        (issue |mutant, order| match mutant.ca.issue(order).await? {
            OrderOutcome::Generated(_) if mutant.ca.calls(CaCall::Issue) > 1 => {
                Ok(IssuedCertificate::new(Pem::new(include_str!("../scripted/pem/root.pem"))?).into())
            }
            other => Ok(other),
        })
    ForgetsIntents of ONCE breaks ["CER-031", "CER-041"] "places an order again, and declares that it does not"
        (capabilities |mutant| mutant.ca.capabilities().idempotent(true))
    ChangesAgain breaks ["CER-032"] "makes a change again for the same intent"
        (modify |mutant, order| {
            let mut order = order.clone();
            order.intent = new_intent();
            mutant.ca.modify(&order).await
        })
    CreatesAgain breaks ["CER-033"] "creates another authority for the same intent"
        (create_ca |mutant, request| {
            let mut request = request.clone();
            request.intent = new_intent();
            mutant.ca.create_ca(&request).await
        })
    RemembersTickets breaks ["CER-035"] "keeps what it needs in the handle"
        (issue |mutant, order| {
            let outcome = mutant.ca.issue(order).await;
            order.plugin_meta.remove("ticket");
            locked(&mutant.notes.kept).push(order.clone());
            outcome
        },
        check |mutant, order| {
            if locked(&mutant.notes.kept).iter().any(|placed| placed.id == order.id) {
                order.plugin_meta.set("ticket", format!("ticket-{}", order.id))?;
            }
            let outcome = mutant.ca.check(order).await;
            order.plugin_meta.remove("ticket");
            outcome
        })
    IgnoresCheckpoints breaks ["CER-036"] "places an order whose checkpoint failed"
        (issue |mutant, order| {
            let _ = order.plugin_meta.checkpoint().await;
            placed_without(mutant, order).await
        })
    KeepsNoCheckpoint of ONCE breaks ["CER-037"] "places an order without a checkpoint"
        (issue |mutant, order| placed_without(mutant, order).await)
    ChecksInAfterwards of ONCE breaks ["CER-037"] "makes a checkpoint after it placed the order"
        (issue |mutant, order| {
            let outcome = placed_without(mutant, order).await;
            order.plugin_meta.checkpoint().await?;
            outcome
        })
    NamesByTheClient breaks ["CER-038"] "names what it keeps by what the client gave"
        (issue |mutant, order| {
            order.plugin_meta.set(format!("order for {}", name_in(&order.metadata)), true)?;
            mutant.ca.issue(order).await
        })
    MixesOrders breaks ["CER-039"] "takes the last ticket for an order that has none"
        (issue |mutant, order| {
            *locked(&mutant.notes.texts) = vec![format!("ticket-{}", order.id)];
            mutant.ca.issue(order).await
        },
        check |mutant, order| {
            let last = locked(&mutant.notes.texts).last().cloned();
            if let (None, Some(last)) = (order.plugin_meta.get("ticket"), last) {
                order.plugin_meta.set("ticket", last)?;
            }
            mutant.ca.check(order).await
        })
    StaysBusyPlacing breaks ["CER-040"] "refuses all orders after one that was dropped"
        (issue |mutant, order| mutant.notes.once_dropped(mutant.ca.issue(order)).await)
    StaysBusyChecking breaks ["CER-042"] "refuses all checks after one that was dropped"
        (check |mutant, order| mutant.notes.once_dropped(mutant.ca.check(order)).await)
    StaysBusyCanceling breaks ["CER-043"] "refuses to cancel after a call that was dropped"
        (cancel |mutant, order| mutant.notes.once_dropped(mutant.ca.cancel(order)).await)
    HangsChecking breaks ["CER-042"] "answers no check after one that was dropped"
        (check |mutant, order| mutant.notes.stuck_once_dropped(mutant.ca.check(order)).await)
    HangsCanceling breaks ["CER-043"] "answers no cancel after one that was dropped"
        (cancel |mutant, order| mutant.notes.stuck_once_dropped(mutant.ca.cancel(order)).await)
    ForgetsWhatItPlaced of ONCE breaks ["CER-040"] "does not know an order when it is checked after a crash"
        (check |mutant, order| {
            let placed = locked(&mutant.notes.kept).iter().any(|placed| placed.id == order.id);
            if placed { mutant.ca.check(order).await } else {
                Ok(OrderOutcome::InvalidOperation("There is no such order.".into()))
            }
        },
        issue |mutant, order| {
            locked(&mutant.notes.kept).push(order.clone());
            mutant.ca.issue(order).await
        })
    CancelsItsOwn breaks ["CER-053"] "cancels only what the same handle placed"
        (issue |mutant, order| {
            locked(&mutant.notes.kept).push(order.clone());
            mutant.ca.issue(order).await
        },
        cancel |mutant, order| {
            if locked(&mutant.notes.kept).iter().all(|placed| placed.id != order.id) {
                return Ok(OrderOutcome::InvalidOperation("There is no such order.".into()));
            }
            mutant.ca.cancel(order).await
        })
    PanicsOnOddTickets breaks ["CER-107"] "takes its own data for what it wrote"
        (check |mutant, order| {
            if let Some(ticket) = order.plugin_meta.get("ticket") {
                assert!(matches!(ticket, Json::Text(_)), "it is always a text");
            }
            mutant.ca.check(order).await
        })
}

/// Places an order, and hides its checkpoints from the host.
async fn placed_without(mutant: &Mutated, order: &CertificateOrder) -> CaResult<OrderOutcome> {
    let mut hidden = order.clone();
    hidden.plugin_meta = PluginMeta::new(order.plugin_meta.snapshot(), memory());
    let outcome = mutant.ca.issue(&hidden).await;
    for (name, value) in hidden.plugin_meta.snapshot() {
        order.plugin_meta.set(name, value).map_err(CertificateError::from)?;
    }
    outcome
}
