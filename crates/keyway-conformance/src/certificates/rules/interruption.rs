//! Rules about calls that are dropped at any point where they wait.

use std::time::Duration;

use keyway_certificates::{CertificateError, IntendedCall, OrderOutcome, Reconciled, RetryMethod};
use keyway_core::{Effect, PluginError as _};

use super::reconciliation::told;
use super::{Broken, CANCELS, CertificateFixture, Checked, Handle, LISTING, broken, ensure, rules};
use crate::certificates::handle::{call, name};
use crate::certificates::tested_order::TestedOrder;
use crate::patience::Patience;
use crate::polled::{answered, polled};
use crate::unique::new_intent;

rules! {
    in CertificateFixture;
    "CER-040" Must from ["R1", "R2", "B6"]
        "An order that was dropped while it was placed, wherever it waited, is settled as the authority declares."
        dropped_order;
    "CER-041" Must needs LISTING from ["R3", "B6"]
        "An order that was dropped while it was placed is at the authority once at most, when it is settled."
        dropped_order_is_one;
    "CER-042" Must from ["R1", "Barbican/check"]
        "After a check that was dropped, wherever it waited, the next check goes on with the order."
        dropped_check;
    "CER-043" Must needs CANCELS from ["R1", "Barbican/cancel", "B8"]
        "After a cancel that was dropped, wherever it waited, the order can be canceled."
        dropped_cancel;
}

/// The number of times that a call is dropped. Each time it is dropped one poll later.
const POLLS: usize = 10;

/// Drops a call after the given number of polls. Tells whether the call ended before it was dropped.
async fn dropped(handle: &Handle<'_, '_>, method: RetryMethod, order: &TestedOrder, polls: usize) -> bool {
    let called = polled(polls, call(&*handle.authority, method, order));
    let answer = tokio::time::timeout(Duration::from_secs(5), called).await;
    handle.history().record(format!("dropped after {polls} polls"));
    answer.is_ok_and(|answer| answer.is_some())
}

/// Settles, as a host does, an order whose `issue` call was dropped. Returns `None` if a person has to decide (decision
/// B6), or if the authority still asks to wait when the patience has ended (decision H309).
async fn settled(
    fixture: &CertificateFixture<'_>,
    order: &mut TestedOrder,
    patience: &mut Patience,
) -> Result<Option<OrderOutcome>, Broken> {
    let handle = fixture.handle()?;
    let capabilities = handle.authority.capabilities();
    let mut method = RetryMethod::Issue;
    if !capabilities.idempotent {
        if capabilities.reconciles {
            match told(&handle, IntendedCall::Issue(order.order.clone()), patience).await {
                Ok(Reconciled::Made(_)) => method = RetryMethod::Check,
                Ok(Reconciled::NothingHappened) => {}
                Err(error) if !error.kind().is_retryable() => {
                    return Err(fixture.unexpected("reconcile", &error));
                }
                _ => return Ok(None),
            }
        } else if order.checkpoints.saved().is_some() {
            method = RetryMethod::Check;
        } else {
            return Ok(None);
        }
    }
    let outcome = handle.must(method, order).await?;
    handle.finish(order, method, outcome, false).await.map(Some)
}

async fn each_dropped_order(
    fixture: &CertificateFixture<'_>,
    check: impl Fn(usize, Option<OrderOutcome>) -> Checked,
) -> Checked {
    let handle = fixture.handle()?;
    let (mut proved, mut patience) = (false, Patience::default());
    for polls in 1..=POLLS {
        let before = fixture.listed().map_or(0, |effects| effects.len());
        let mut order = fixture.order()?;
        let is_done = dropped(&handle, RetryMethod::Issue, &order, polls).await;
        let outcome = settled(fixture, &mut order, &mut patience).await?;
        proved |= outcome.is_some();
        let made = fixture.listed().map_or(0, |effects| effects.len()).saturating_sub(before);
        check(made, outcome)?;
        if is_done {
            break;
        }
    }
    // The same handle still works for the next order.
    handle.issued().await?;
    if proved { Ok(()) } else { Err(Broken::Missing { capability: "a way to settle an order" }) }
}

async fn dropped_order(fixture: &CertificateFixture<'_>) -> Checked {
    each_dropped_order(fixture, |_, outcome| match outcome {
        None | Some(OrderOutcome::Generated(_)) => Ok(()),
        Some(other) => Err(broken("a certificate in the end", format!("`{}`", other.status()))),
    })
    .await
}

async fn dropped_order_is_one(fixture: &CertificateFixture<'_>) -> Checked {
    fixture.listed()?;
    each_dropped_order(fixture, |made, _| ensure(made <= 1, "one effect at most", made.to_string())).await
}

/// Makes the next call for an order whose call was dropped. The call must be answered in time.
async fn next_answer(
    handle: &Handle<'_, '_>,
    method: RetryMethod,
    order: &TestedOrder,
) -> Result<Result<OrderOutcome, CertificateError>, Broken> {
    answered(handle.ask(method, order), handle.in_time(), name(method), "an order whose call was dropped")
        .await
}

async fn dropped_check(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    for polls in 1..=POLLS {
        let mut order = fixture.order()?;
        let outcome = handle.must(RetryMethod::Issue, &order).await?;
        let is_done = dropped(&handle, RetryMethod::Check, &order, polls).await;
        let next = outcome.next_method(RetryMethod::Issue).unwrap_or(RetryMethod::Check);
        let outcome = next_answer(&handle, next, &order).await?;
        let outcome = outcome.map_err(|error| fixture.unexpected(name(next), &error))?;
        handle.certified_after(&mut order, next, outcome).await?;
        if is_done {
            break;
        }
    }
    Ok(())
}

async fn dropped_cancel(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    for polls in 1..=POLLS {
        let (mut order, _) = handle.open_order().await?;
        order.order.intent = new_intent();
        let is_done = dropped(&handle, RetryMethod::Cancel, &order, polls).await;
        let outcome = match next_answer(&handle, RetryMethod::Cancel, &order).await? {
            Ok(outcome) => outcome,
            // The order is canceled already, and the authority does not cancel it twice.
            Err(error) if error.effect() == Effect::None => handle.must(RetryMethod::Check, &order).await?,
            Err(error) => return Err(fixture.unexpected("cancel", &error)),
        };
        super::changes::is_canceled(&handle, &mut order, outcome).await?;
        if is_done {
            break;
        }
    }
    Ok(())
}
