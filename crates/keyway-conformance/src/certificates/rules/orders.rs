//! Rules about orders, from the call of `supports` up to the issued certificate.

use keyway_certificates::{
    CaId, CertificateError, OrderMetadata, OrderOutcome, OrderRequest, RequestType, RetryMethod, Support,
};
use keyway_core::{Effect, PluginError as _};

use super::{Broken, CertificateFixture, Checked, LISTING, REFUSED, broken, ensure, rules};
use crate::certificates::OrderExample;

rules! {
    in CertificateFixture;
    "CER-010" Must from ["Barbican/supports", "B10"]
        "The authority supports the order of the example, whenever it is asked."
        supports;
    "CER-011" Must needs LISTING from ["Barbican/supports", "B10"]
        "Asking whether an order is supported has no effect."
        supports_without_effect;
    "CER-012" Must needs REFUSED from ["Barbican/supports", "Barbican/sub_status_message", "B10"]
        "The refused example is not supported, and the client learns why."
        does_not_support;
    "CER-013" Must needs REFUSED from ["Barbican/invalid", "R7"]
        "The refused example, ordered all the same, comes to no certificate, and an error says that nothing happened."
        refuses;
    "CER-014" May from ["B12"]
        "A request of a type that is not declared is not supported, though no host asks."
        undeclared_types;
    "CER-015" Must from ["Barbican/issue", "Barbican/check", "Barbican/waiting", "B7", "B8"]
        "The order of the example ends in a certificate, with the calls that the outcomes ask for."
        ends;
    "CER-016" Must from ["Barbican/issue", "Barbican/order_meta"]
        "Two orders that are open at the same time end in a certificate each."
        two_orders;
    "CER-017" Must from ["Barbican/check", "B6", "B9"]
        "A check after the certificate gives the same certificate, also after a restart."
        same_certificate;
    "CER-018" Must needs LISTING from ["Barbican/check"]
        "A check has no effect."
        check_without_effect;
    "CER-019" Must from ["Barbican/check", "B2"]
        "A check of an order that was never placed gives no certificate."
        never_placed;
    "CER-020" Must from ["B10", "Barbican/ca_info"]
        "Each authority that is listed is known when an order names it."
        listed_authorities;
    "CER-021" Must from ["B10", "R7"]
        "An order that names an authority that is not listed comes to no certificate, and has no effect."
        unknown_authority;
}

async fn supports(fixture: &CertificateFixture<'_>) -> Checked {
    let request = fixture.example().request()?;
    let handle = fixture.handle()?;
    for (authority, when) in
        [(&handle, "at first"), (&handle, "when it is asked again"), (&fixture.handle()?, "after a restart")]
    {
        match authority.authority.supports(&request).await {
            Ok(Support::Yes) => {}
            Ok(Support::No { reason }) => {
                let observed = format!("no {when}: {}", fixture.clean(reason.as_str()));
                return Err(broken("a yes for the example", observed));
            }
            Err(error) => return Err(fixture.unexpected("supports", &error)),
        }
    }
    Ok(())
}

async fn supports_without_effect(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let before = fixture.listed()?;
    let refused = fixture.subject().refused.as_ref();
    for example in refused.into_iter().chain([fixture.example()]) {
        let _ = handle.authority.supports(&example.request()?).await;
    }
    fixture.no_effect_since(&before, "`supports`")
}

fn refused<'a>(fixture: &CertificateFixture<'a>) -> Result<&'a OrderExample, Broken> {
    fixture.subject().refused.as_ref().ok_or(Broken::Missing { capability: "refused example" })
}

async fn does_not_support(fixture: &CertificateFixture<'_>) -> Checked {
    let words = match fixture.handle()?.authority.supports(&refused(fixture)?.request()?).await {
        Ok(Support::Yes) => return Err(broken("a no for the refused example", "a yes")),
        Ok(Support::No { reason }) => reason.as_str().to_owned(),
        Err(error) => error.client_message().into_owned(),
    };
    ensure(!words.trim().is_empty(), "a reason for the client", "none")
}

/// Demands that the error reports no effect, and that there was none.
pub(super) fn nothing_happened(
    fixture: &CertificateFixture<'_>,
    before: Option<&[String]>,
    error: &CertificateError,
) -> Checked {
    let observed = format!("one that does not: {:?}", error.kind());
    ensure(error.effect() == Effect::None, "an error that says that nothing happened", observed)?;
    let same = fixture.listed().ok().as_deref() == before;
    ensure(same, "nothing made", "something was made and refused")
}

/// Places an order, and continues it. The order must not end in a certificate: it must be refused, or wait for other
/// data of the client. An order that waits for the authority proves nothing.
async fn comes_to_nothing(
    fixture: &CertificateFixture<'_>,
    metadata: OrderMetadata,
    example: &OrderExample,
) -> Checked {
    let handle = fixture.handle()?;
    let before = fixture.listed().ok();
    let mut order = fixture.order_of(metadata, example)?;
    let mut method = RetryMethod::Issue;
    let mut outcome = match handle.ask(method, &order).await {
        Ok(outcome) => outcome,
        Err(error) => return nothing_happened(fixture, before.as_deref(), &error),
    };
    if let OrderOutcome::ClientDataIssue(_) = outcome {
        method = RetryMethod::Check;
        outcome = match handle.ask(method, &order).await {
            Ok(OrderOutcome::ClientDataIssue(_)) | Err(_) => return Ok(()),
            Ok(other) => other,
        };
    }
    let outcome = handle.go_on(&mut order, method, outcome, false).await?;
    match outcome {
        OrderOutcome::Generated(_) => Err(broken("no certificate", "a certificate")),
        OrderOutcome::CaUnavailable(_) => {
            Err(Broken::Missing { capability: "an authority that can be reached" })
        }
        OrderOutcome::WaitingForCa(_) => {
            Err(broken("an end of the order", "it still waits for the authority"))
        }
        _ => Ok(()),
    }
}

/// Places an order that must come to nothing, before it has any effect.
pub(super) async fn comes_to_nothing_without_effect(
    fixture: &CertificateFixture<'_>,
    metadata: OrderMetadata,
    example: &OrderExample,
) -> Checked {
    let before = fixture.listed().ok();
    comes_to_nothing(fixture, metadata, example).await?;
    ensure(fixture.listed().ok() == before, "no effect of a refused order", "an effect")
}

async fn refuses(fixture: &CertificateFixture<'_>) -> Checked {
    let refused = refused(fixture)?;
    comes_to_nothing(fixture, refused.metadata()?, refused).await
}

async fn undeclared_types(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let types = handle.authority.capabilities().request_types;
    let undeclared = RequestType::KNOWN.into_iter().filter(|each| !types.contains(each));
    for request_type in undeclared {
        let mut fields = fixture.example().fields()?;
        fields.insert(OrderMetadata::REQUEST_TYPE.to_owned(), request_type.as_str().into());
        let request = OrderRequest::new(crate::certificates::example::metadata_of(fields)?);
        let answer = handle.authority.supports(&request).await;
        let word = request_type.as_str();
        ensure(!matches!(answer, Ok(Support::Yes)), format!("no support for {word:?}"), "a yes")?;
    }
    Ok(())
}

async fn ends(fixture: &CertificateFixture<'_>) -> Checked {
    fixture.handle()?.issued().await.map(drop)
}

async fn two_orders(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (mut one, mut other) = (fixture.order()?, fixture.order()?);
    let first = handle.must(RetryMethod::Issue, &one).await?;
    let second = handle.must(RetryMethod::Issue, &other).await?;
    handle.certified_after(&mut other, RetryMethod::Issue, second).await?;
    handle.certified_after(&mut one, RetryMethod::Issue, first).await.map(drop)
}

async fn same_certificate(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (order, issued) = handle.issued().await?;
    for (handle, order, when) in
        [(handle, order.clone(), "again"), (fixture.handle()?, order.stored()?, "after a restart")]
    {
        let expected = format!("the same certificate {when}");
        match handle.must(RetryMethod::Check, &order).await? {
            OrderOutcome::Generated(again) => {
                let same =
                    again.certificate == issued.certificate && again.intermediates == issued.intermediates;
                ensure(same, expected, "another certificate, or another chain")?;
            }
            other => return Err(broken(expected, format!("`{}`", other.status()))),
        }
    }
    Ok(())
}

async fn check_without_effect(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let mut order = fixture.order()?;
    let outcome = handle.must(RetryMethod::Issue, &order).await?;
    let before = fixture.listed()?;
    handle.certified_after(&mut order, RetryMethod::Issue, outcome).await?;
    for _ in 0..2 {
        handle.must(RetryMethod::Check, &order).await?;
    }
    fixture.no_effect_since(&before, "`check`")
}

async fn never_placed(fixture: &CertificateFixture<'_>) -> Checked {
    let answer = fixture.handle()?.ask(RetryMethod::Check, &fixture.order()?).await;
    ensure(!matches!(answer, Ok(OrderOutcome::Generated(_))), "no certificate", "a certificate")
}

async fn listed_authorities(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let all = handle.authority.ca_information().await;
    for ca in all.map_err(|error| fixture.unexpected("ca_information", &error))?.into_iter().take(3) {
        let context = fixture.example().context().with_ca(ca.id);
        let request = OrderRequest::new(fixture.example().metadata()?).with_context(context);
        if let Err(error) = handle.authority.supports(&request).await {
            return Err(fixture.unexpected("supports, with an authority that is listed,", &error));
        }
    }
    Ok(())
}

async fn unknown_authority(fixture: &CertificateFixture<'_>) -> Checked {
    let nowhere =
        CaId::new("kit-no-such-ca").map_err(|error| broken("an id of the kit", error.to_string()))?;
    let example = fixture.example().clone().ca(nowhere);
    comes_to_nothing_without_effect(fixture, example.metadata()?, &example).await
}
