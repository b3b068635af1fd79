//! Rules about changes of open orders: new data, and cancellation.

use keyway_certificates::{CertificateError, OrderOutcome, RetryMethod};

use super::{Broken, CANCELS, CertificateFixture, Checked, Handle, MODIFIES, broken, ensure, rules};
use crate::certificates::tested_order::TestedOrder;
use crate::unique::new_intent;

rules! {
    in CertificateFixture;
    "CER-050" Must needs CANCELS from ["Barbican/cancel", "Barbican/canceled", "B5", "B8"]
        "An open order that is canceled ends, as canceled or with a certificate that came first."
        cancels;
    "CER-051" Must needs CANCELS from ["B5", "Barbican/canceled"]
        "A check of a canceled order gives no certificate."
        stays_canceled;
    "CER-052" Must needs CANCELS from ["Barbican/cancel"]
        "Cancelling one order leaves the others."
        cancels_one;
    "CER-053" Must needs CANCELS from ["Barbican/cancel", "Barbican/plugin_meta"]
        "A handle opened again cancels an open order with the stored data alone."
        cancels_after_restart;
    "CER-054" Must needs MODIFIES from ["Barbican/modify", "B8"]
        "An open order takes new data, and ends in a certificate."
        modifies;
    "CER-055" Must from ["B16"]
        "A change that is not supported leaves the order, its certificate and the plugin's data as they were."
        unsupported_change;
    "CER-056" Must needs MODIFIES from ["Barbican/modify", "B20"]
        "New data of a wrong form are refused or answered, and the order goes on."
        odd_change;
}

/// Continues an order after its cancellation until it has ended. The order must end as canceled, or with a certificate.
pub(super) async fn is_canceled(
    handle: &Handle<'_, '_>,
    order: &mut TestedOrder,
    outcome: OrderOutcome,
) -> Result<OrderOutcome, Broken> {
    match handle.finish(order, RetryMethod::Cancel, outcome, false).await? {
        ended @ (OrderOutcome::Canceled(_) | OrderOutcome::Generated(_)) => Ok(ended),
        other => Err(broken("a canceled order, or a certificate", format!("`{}`", other.status()))),
    }
}

/// Places an order and cancels it.
async fn canceled(handle: &Handle<'_, '_>) -> Result<(TestedOrder, OrderOutcome), Broken> {
    let (mut order, _) = handle.open_order().await?;
    order.order.intent = new_intent();
    let outcome = handle.must(RetryMethod::Cancel, &order).await?;
    let ended = is_canceled(handle, &mut order, outcome).await?;
    Ok((order, ended))
}

async fn cancels(fixture: &CertificateFixture<'_>) -> Checked {
    canceled(&fixture.handle()?).await.map(drop)
}

async fn stays_canceled(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (order, ended) = canceled(&handle).await?;
    if matches!(ended, OrderOutcome::Generated(_)) {
        return Err(Broken::Missing { capability: "an order that is canceled before its certificate" });
    }
    for handle in [handle, fixture.handle()?] {
        let answer = handle.ask(RetryMethod::Check, &order).await;
        ensure(!matches!(answer, Ok(OrderOutcome::Generated(_))), "no certificate", "a certificate")?;
    }
    Ok(())
}

async fn cancels_one(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (mut other, outcome) = handle.open_order().await?;
    canceled(&handle).await?;
    handle.certified_after(&mut other, RetryMethod::Issue, outcome).await.map(drop)
}

async fn cancels_after_restart(fixture: &CertificateFixture<'_>) -> Checked {
    let (order, _) = fixture.handle()?.open_order().await?;
    let mut order = order.stored()?;
    order.order.intent = new_intent();
    let handle = fixture.handle()?;
    let outcome = handle.must(RetryMethod::Cancel, &order).await?;
    is_canceled(&handle, &mut order, outcome).await.map(drop)
}

/// Gives an order the subject's new data, and a new intent.
pub(super) fn change(fixture: &CertificateFixture<'_>, order: &mut TestedOrder) -> Checked {
    let previous = order.order.metadata.clone();
    if let Some(changed) = &fixture.subject().changed {
        order.order.metadata = changed.metadata()?;
    }
    order.order.previous_metadata = Some(previous);
    order.order.intent = new_intent();
    Ok(())
}

async fn modifies(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (mut order, _) = handle.open_order().await?;
    change(fixture, &mut order)?;
    let outcome = handle.must(RetryMethod::Modify, &order).await?;
    order.order.previous_metadata = None;
    handle.certified_after(&mut order, RetryMethod::Modify, outcome).await.map(drop)
}

async fn unsupported_change(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (mut order, issued) = handle.issued().await?;
    let effects = fixture.listed().ok();
    let kept = order.order.plugin_meta.snapshot();
    let placed = order.order.metadata.clone();
    change(fixture, &mut order)?;
    match handle.ask(RetryMethod::Modify, &order).await {
        Err(CertificateError::Unsupported { .. }) => {}
        _ => return Err(Broken::Missing { capability: "a change that is not supported" }),
    }
    let same = order.order.plugin_meta.snapshot() == kept;
    ensure(same, "the plugin's data as they were", "others")?;
    ensure(fixture.listed().ok() == effects, "no effect", "an effect")?;
    (order.order.metadata, order.order.previous_metadata) = (placed, None);
    match handle.must(RetryMethod::Check, &order).await? {
        OrderOutcome::Generated(again) => {
            ensure(again.certificate == issued.certificate, "the same certificate", "another one")
        }
        other => Err(broken("the certificate", format!("`{}`", other.status()))),
    }
}

async fn odd_change(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    for (what, metadata) in super::hostile::odd_metadata(fixture)? {
        let (mut order, outcome) = handle.open_order().await?;
        let placed = std::mem::replace(&mut order.order.metadata, metadata);
        order.order.previous_metadata = Some(placed.clone());
        order.order.intent = new_intent();
        let answer = crate::polled::answered(
            handle.ask(RetryMethod::Modify, &order),
            handle.in_time(),
            "modify",
            what,
        )
        .await?;
        if answer.is_err() {
            (order.order.metadata, order.order.previous_metadata) = (placed, None);
            handle.finish(&mut order, RetryMethod::Issue, outcome, false).await?;
        }
    }
    Ok(())
}
