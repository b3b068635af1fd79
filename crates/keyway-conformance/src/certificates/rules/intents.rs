//! Rules about two calls with the same intent.

use keyway_certificates::RetryMethod;

use super::authorities::{created, creation};
use super::{CREATES, CertificateFixture, Checked, IDEMPOTENT, MODIFIES, ensure, rules};

rules! {
    in CertificateFixture;
    "CER-030" Must needs IDEMPOTENT from ["R2", "R3", "B6"]
        "Placed again with the same intent, also after a restart, an order still ends in the same certificate."
        same_order;
    "CER-031" Must needs IDEMPOTENT from ["R3"]
        "Placed again with the same intent, an order is placed once."
        one_order;
    "CER-032" Must needs MODIFIES from ["R3", "Barbican/modify"]
        "Where intents are known again, a change with the same intent is made once."
        one_change;
    "CER-033" Must needs CREATES from ["R3", "B19"]
        "Where intents are known again, an authority that is created again with the same intent is the same one."
        one_authority;
}

async fn same_order(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let mut order = fixture.order()?;
    let first = handle.certified(&mut order).await?;
    // A host that was killed after the call and before it recorded the outcome has only the checkpoint.
    for (mut again, when) in [(order.clone(), "again"), (order.after_kill(), "after a kill")] {
        let issued = fixture.handle()?.certified(&mut again).await?;
        let same = issued.certificate == first.certificate;
        ensure(same, format!("the same certificate {when}"), "another one")?;
    }
    Ok(())
}

async fn one_order(fixture: &CertificateFixture<'_>) -> Checked {
    let before = fixture.listed()?.len();
    let (handle, order) = (fixture.handle()?, fixture.order()?);
    handle.must(RetryMethod::Issue, &order).await?;
    handle.must(RetryMethod::Issue, &order).await?;
    fixture.handle()?.must(RetryMethod::Issue, &order.after_kill()).await?;
    let made = fixture.listed()?.len().saturating_sub(before);
    ensure(made == 1, "one order at the authority", made.to_string())
}

/// Skips the rule if the authority does not declare that it recognizes repeated intents.
fn idempotent(fixture: &CertificateFixture<'_>) -> Checked {
    let missing = crate::Broken::Missing { capability: "idempotent" };
    if fixture.subject().capabilities().idempotent { Ok(()) } else { Err(missing) }
}

async fn one_change(fixture: &CertificateFixture<'_>) -> Checked {
    idempotent(fixture)?;
    let handle = fixture.handle()?;
    let (mut order, _) = handle.open_order().await?;
    super::changes::change(fixture, &mut order)?;
    let before = fixture.listed()?.len();
    for _ in 0..2 {
        handle.must(RetryMethod::Modify, &order).await?;
    }
    let made = fixture.listed()?.len().saturating_sub(before);
    ensure(made <= 1, "one change at the authority", made.to_string())
}

async fn one_authority(fixture: &CertificateFixture<'_>) -> Checked {
    idempotent(fixture)?;
    let handle = fixture.handle()?;
    let request = creation(&handle).await?;
    let first = created(&handle, &request).await?;
    let again = created(&fixture.handle()?, &request).await?;
    ensure(again.id == first.id, "the same authority", "one with another id")?;
    let all = super::authorities::all(&handle).await?;
    let made = all.iter().filter(|ca| ca.name == request.name).count();
    ensure(made == 1, "one authority of the name", made.to_string())
}
