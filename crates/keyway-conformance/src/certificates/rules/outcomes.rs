//! Rules about outcomes, and about what a host can do with them.

use keyway_certificates::{Capabilities, OrderOutcome, Pem, RetryMethod};

use super::{Broken, CANCELS, CertificateFixture, Checked, MODIFIES, ensure, rules};
use crate::certificates::handle::name;

rules! {
    in CertificateFixture;
    "CER-025" Must from ["B7", "Barbican/statuses", "Barbican/results"]
        "The method that an outcome wishes for next is one that the authority has."
        methods;
    "CER-026" Should from ["Barbican/sub_status_message", "Barbican/client_data", "Barbican/unavailable"]
        "An outcome without a certificate has a message for the client."
        messages;
    "CER-027" Must from ["Barbican/generated", "B2", "B11"]
        "The certificate is one certificate in PEM, and the intermediates are one or more."
        pem;
    "CER-028" Should needs CANCELS from ["Barbican/sub_status_message", "Barbican/canceled"]
        "The outcomes of a cancelled order have a message for the client."
        messages_of_cancel;
    "CER-029" Must needs MODIFIES from ["B7", "Barbican/modify"]
        "The outcome of a change wishes for a method that the authority has."
        methods_of_modify;
}

/// Collects the outcomes of the example, of the refused example if there is one, and of an order that was never placed.
/// Calls that return an error are left out.
async fn outcomes(fixture: &CertificateFixture<'_>) -> Result<Vec<(RetryMethod, OrderOutcome)>, Broken> {
    let handle = fixture.handle()?;
    let (mut all, refused) = (Vec::new(), fixture.subject().refused.as_ref());
    for example in [fixture.example()].into_iter().chain(refused) {
        let order = fixture.order_of(example.metadata()?, example)?;
        for method in [RetryMethod::Issue, RetryMethod::Check, RetryMethod::Check] {
            all.extend(handle.ask(method, &order).await.ok().map(|outcome| (method, outcome)));
        }
    }
    let never = handle.ask(RetryMethod::Check, &fixture.order()?).await.ok();
    all.extend(never.map(|outcome| (RetryMethod::Check, outcome)));
    Ok(all)
}

fn has(capabilities: Capabilities, method: RetryMethod) -> bool {
    match method {
        RetryMethod::Issue | RetryMethod::Check => true,
        RetryMethod::Modify => capabilities.modifies,
        RetryMethod::Cancel => capabilities.cancels,
    }
}

fn wishes_for_what_is(
    fixture: &CertificateFixture<'_>,
    answered: RetryMethod,
    outcome: &OrderOutcome,
) -> Checked {
    let Some(next) = outcome.next_method(answered) else { return Ok(()) };
    let declared = has(fixture.subject().capabilities(), next);
    let expected = format!("a method that it declares, after `{}`", name(answered));
    ensure(declared, expected, format!("`{}`", name(next)))
}

async fn methods(fixture: &CertificateFixture<'_>) -> Checked {
    for (answered, outcome) in outcomes(fixture).await? {
        wishes_for_what_is(fixture, answered, &outcome)?;
    }
    Ok(())
}

fn says_something(answered: RetryMethod, outcome: &OrderOutcome) -> Checked {
    let is_silent = outcome.message().as_str().trim().is_empty();
    let silent = is_silent && !matches!(outcome, OrderOutcome::Generated(_));
    let expected = format!("a message with `{}` of `{}`", outcome.status(), name(answered));
    ensure(!silent, expected, "none")
}

async fn messages(fixture: &CertificateFixture<'_>) -> Checked {
    outcomes(fixture).await?.iter().try_for_each(|(answered, outcome)| says_something(*answered, outcome))
}

async fn messages_of_cancel(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (order, _) = handle.open_order().await?;
    for method in [RetryMethod::Cancel, RetryMethod::Check] {
        says_something(method, &handle.must(method, &order).await?)?;
    }
    Ok(())
}

async fn methods_of_modify(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (mut order, _) = handle.open_order().await?;
    order.order.previous_metadata = Some(order.order.metadata.clone());
    if let Ok(outcome) = handle.ask(RetryMethod::Modify, &order).await {
        wishes_for_what_is(fixture, RetryMethod::Modify, &outcome)?;
    }
    Ok(())
}

/// Counts the certificates in a PEM text. Returns `None` if the text holds anything else.
fn certificates(pem: &Pem) -> Option<usize> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let (mut rest, mut count) = (pem.as_str().trim_start(), 0);
    while !rest.is_empty() {
        let (body, after) = rest.strip_prefix(BEGIN)?.split_once(END)?;
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        let lines = body.split_ascii_whitespace();
        if body.trim().is_empty() || !lines.flat_map(str::bytes).all(base64) {
            return None;
        }
        (rest, count) = (after.trim_start(), count + 1);
    }
    Some(count)
}

async fn pem(fixture: &CertificateFixture<'_>) -> Checked {
    let (_, issued) = fixture.handle()?.issued().await?;
    let found = certificates(&issued.certificate);
    ensure(found == Some(1), "one certificate in PEM", told(found))?;
    if let Some(intermediates) = &issued.intermediates {
        let found = certificates(intermediates);
        ensure(found.is_some_and(|count| count > 0), "certificates in PEM as intermediates", told(found))?;
    }
    Ok(())
}

fn told(found: Option<usize>) -> String {
    found.map_or_else(|| "something else".to_owned(), |count| format!("{count} of them"))
}

/// Demands that `pem`, which is a part of the description of an authority, holds certificates in PEM and nothing else.
/// The description may lack it.
pub(super) fn is_pem(pem: Option<&Pem>, what: &str) -> Checked {
    let found = pem.map(certificates);
    ensure(found != Some(None) && found != Some(Some(0)), format!("{what} in PEM"), "something else")
}
