//! Rules about the data that a plugin keeps with an order.

use keyway_certificates::{OrderOutcome, RetryMethod};
use keyway_core::PluginError as _;

use super::issued::{HOST, new_request};
use super::{Broken, CertificateFixture, Checked, NOT_REPEATABLE, broken, ensure, rules};
use crate::certificates::requests::metadata;

rules! {
    in CertificateFixture;
    "CER-035" Must from ["Barbican/plugin_meta", "Barbican/plugin_meta.free", "B9", "R8"]
        "What a plugin keeps with an order is all that it needs: a handle opened again goes on with the stored text."
        goes_on;
    "CER-036" Must from ["B9"]
        "When a checkpoint fails, the order is not placed, and the call fails."
        failed_checkpoint;
    "CER-037" Should needs NOT_REPEATABLE from ["B6", "B9"]
        "An authority that cannot be asked again keeps a checkpoint before it places an order."
        checkpoint_first;
    "CER-038" Must from ["K1", "B9"]
        "The names of what a plugin keeps with an order show nothing that the client gave."
        names;
    "CER-039" Must from ["Barbican/plugin_meta", "B9"]
        "A handle takes no data of one order for those of another."
        kept_apart;
}

async fn goes_on(fixture: &CertificateFixture<'_>) -> Checked {
    let mut order = fixture.order()?;
    let outcome = fixture.handle()?.must(RetryMethod::Issue, &order).await?;
    match fixture.handle()?.finish(&mut order, RetryMethod::Issue, outcome, true).await? {
        OrderOutcome::Generated(_) => Ok(()),
        other => {
            Err(broken("a certificate, with a new handle for each call", format!("`{}`", other.status())))
        }
    }
}

async fn failed_checkpoint(fixture: &CertificateFixture<'_>) -> Checked {
    let (handle, order) = (fixture.handle()?, fixture.order()?);
    let before = fixture.listed().ok();
    order.checkpoints.refuse();
    let answer = handle.ask(RetryMethod::Issue, &order).await;
    if !order.checkpoints.was_refused() {
        return Err(Broken::Missing { capability: "a checkpoint" });
    }
    let unplaced = fixture.listed().ok() == before;
    ensure(unplaced, "no order after a checkpoint that failed", "it was placed all the same")?;
    ensure(answer.is_err(), "the error of the checkpoint", "an outcome")
}

async fn checkpoint_first(fixture: &CertificateFixture<'_>) -> Checked {
    let before = fixture.listed()?.len();
    let order = fixture.order()?;
    fixture.handle()?.must(RetryMethod::Issue, &order).await?;
    if fixture.listed()?.len() == before {
        return Err(Broken::Missing { capability: "an order that the kit can see" });
    }
    let observed = match order.checkpoints.effects_before() {
        Some(effects) if effects == before => return Ok(()),
        Some(_) => "one after it",
        None => "none",
    };
    Err(broken("a checkpoint before the order is placed", observed))
}

async fn names(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let canary = fixture.canary("entered");
    let mut orders = vec![(fixture.example().with_texts(|text| format!("{text}{canary}"))?, canary.as_str())];
    if fixture.subject().issues {
        // An authority that reads its texts refuses those that the kit changed. It accepts a request of the kit.
        orders.push((metadata(fixture, &new_request()?.to_pem(), None)?, HOST));
    }
    let mut is_proved = false;
    for (metadata, secret) in orders {
        let order = fixture.order_of(metadata, fixture.example())?;
        for method in [RetryMethod::Issue, RetryMethod::Check] {
            if let Err(error) = handle.ask(method, &order).await {
                fixture.history().record(format!("refused: {:?}", error.kind()));
            }
        }
        let kept = order.order.plugin_meta.snapshot();
        let shown = kept.keys().any(|name| name.contains(secret));
        ensure(!shown, "names that show nothing of the client's", "one shows it")?;
        is_proved |= !kept.is_empty();
    }
    // Without kept data there are no names to judge.
    if is_proved {
        Ok(())
    } else {
        Err(Broken::Missing { capability: "data that the plugin keeps with an order" })
    }
}

async fn kept_apart(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    handle.issued().await?;
    let never = fixture.order()?;
    let answer = handle.ask(RetryMethod::Check, &never).await;
    let expected = "no certificate for an order without data of the plugin";
    ensure(!matches!(answer, Ok(OrderOutcome::Generated(_))), expected, "the certificate of another order")
}
