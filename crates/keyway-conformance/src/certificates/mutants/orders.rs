//! Mutants whose declarations are wrong, and mutants that lose orders.

use keyway_certificates::{
    CertificateAuthority as _, CertificateError, IssuedCertificate, OrderMetadata, OrderOutcome,
    OrderRequest, Pem, RequestTypes, RetryMethod, Support, Waiting,
};
use std::sync::atomic::Ordering;

use super::plugin::{ca_mutant, name_in, rewaited};
use super::{CertificateSubject, mutants, operation};
use crate::certificates::CaCall;
use crate::lock::locked;

mutants! {
    for CertificateSubject, by ca_mutant;
    ForgetsCapabilities breaks ["CER-001"] "declares now and then that it cancels"
        (capabilities |mutant| mutant.ca.capabilities().cancels(mutant.notes.flag.fetch_xor(true, Ordering::SeqCst)))
    TakesOtherTypes breaks ["CER-002"] "declares other types of requests than it takes"
        (capabilities |mutant| mutant.ca.capabilities().request_types(RequestTypes::SIMPLE_CMC))
    CancelsSecretly breaks ["CER-003"] "cancels, and declares that it does not"
        (capabilities |mutant| mutant.ca.capabilities().cancels(false))
    RevokesSecretly breaks ["CER-003"] "revokes, and declares that it does not"
        (capabilities |mutant| mutant.ca.capabilities().revokes(false))
    ReconcilesSecretly breaks ["CER-003"] "reconciles, and declares that it does not"
        (capabilities |mutant| mutant.ca.capabilities().reconciles(false))
    RefusesInItsPlace of MINIMAL breaks ["CER-003"] "refuses a change where it should say that it makes none"
        (modify |mutant, _order| {
            let _ = mutant;
            Err(CertificateError::refused("No.", "no changes here"))
        })
    DeniesWithAnEffect of MINIMAL breaks ["CER-004"] "orders something, and answers that it creates no authorities"
        (create_ca |mutant, _request| {
            mutant.place_another().await?;
            Err(CertificateError::Unsupported { what: "subordinate certificate authorities" })
        })
    SupportsOnce breaks ["CER-010"] "supports each order once"
        (supports |mutant, request| if mutant.notes.flag.swap(true, Ordering::SeqCst) {
            Ok(Support::no("That was asked already."))
        } else {
            mutant.ca.supports(request).await
        })
    OrdersWhenAsked breaks ["CER-011"] "places an order when it is asked whether it could"
        (supports |mutant, request| {
            mutant.place_another().await?;
            mutant.ca.supports(request).await
        })
    SupportsAll breaks ["CER-012"] "supports every order"
        (supports |mutant, _request| {
            let _ = mutant;
            Ok(Support::Yes)
        })
    GivesNoReason breaks ["CER-012"] "does not say why it supports an order not"
        (supports |mutant, request| match mutant.ca.supports(request).await? {
            Support::Yes => Ok(Support::Yes),
            Support::No { .. } => Ok(Support::no(" ")),
        })
    IssuesToAll breaks ["CER-013"] "makes certificates for refused names, too"
        (issue |mutant, order| {
            let mut order = order.clone();
            order.metadata = OrderMetadata::default();
            mutant.ca.issue(&order).await
        })
    IssuesToAllLater breaks ["CER-013"] "says that the authority cannot be reached, and then makes certificates for refused names"
        (issue |mutant, order| {
            if !mutant.notes.flag.swap(true, Ordering::SeqCst) {
                return Ok(OrderOutcome::CaUnavailable(Waiting::new("Later.")));
            }
            let mut order = order.clone();
            order.metadata = OrderMetadata::default();
            mutant.ca.issue(&order).await
        })
    TakesBackItsDoubt breaks ["CER-013"] "doubts the data of a refused name, and then makes the certificate"
        (issue |mutant, order| {
            let mut changed = order.clone();
            changed.metadata = OrderMetadata::default();
            mutant.ca.issue(&changed).await?;
            Ok(OrderOutcome::ClientDataIssue(Waiting::new("Is that right?")))
        })
    BlocksOnlyForNewOrders breaks ["CER-092"] "blocks the thread when it places an order, and not when it knows the intent"
        (issue |mutant, order| {
            let intent = order.intent.to_string();
            if !locked(&mutant.notes.texts).contains(&intent) {
                locked(&mutant.notes.texts).push(intent);
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
            mutant.ca.issue(order).await
        })
    IsNotPrompt breaks ["CER-094"] "declares `prompt`, and holds the thread for 20 ms"
        (capabilities |mutant| mutant.ca.capabilities().prompt(true),
        issue |mutant, order| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            mutant.ca.issue(order).await
        })
    RefusesInDoubt breaks ["CER-013"] "refuses with an error that leaves the effect open"
        (issue |mutant, order| match mutant.ca.issue(order).await? {
            OrderOutcome::InvalidOperation(_) => Err(CertificateError::failed("No.", "a refused name")),
            other => Ok(other),
        })
    SupportsOtherTypes breaks ["CER-014"] "does not look at the type of a request"
        (supports |mutant, request| {
            let context = request.context.clone();
            mutant.ca.supports(&OrderRequest::new(OrderMetadata::default()).with_context(context)).await
        })
    NeverEnds breaks ["CER-015"] "looks at each order for ever"
        (check |mutant, _order| {
            let _ = mutant;
            Ok(OrderOutcome::WaitingForCa(Waiting::new("Soon.")))
        })
    KnowsOneOrder breaks ["CER-016"] "knows the last order alone"
        (issue |mutant, order| {
            *locked(&mutant.notes.texts) = vec![order.id.to_string()];
            mutant.ca.issue(order).await
        },
        check |mutant, order| {
            if locked(&mutant.notes.texts).iter().any(|last| *last != order.id.as_str()) {
                return Ok(OrderOutcome::InvalidOperation("There is no such order.".into()));
            }
            mutant.ca.check(order).await
        })
    CertifiesAnew breaks ["CER-017"] "answers another certificate each time"
        (check |mutant, order| match mutant.ca.check(order).await? {
            OrderOutcome::Generated(_) if mutant.ca.calls(CaCall::Check) > 1 => {
                Ok(IssuedCertificate::new(other_certificate()?).into())
            }
            other => Ok(other),
        })
    OrdersWhenChecked breaks ["CER-018"] "places an order with each check"
        (check |mutant, order| {
            mutant.place_another().await?;
            mutant.ca.check(order).await
        })
    CertifiesWithoutAnOrder breaks ["CER-019"] "answers a certificate for an order that it does not know"
        (check |mutant, order| match mutant.ca.check(order).await? {
            OrderOutcome::InvalidOperation(_) => Ok(mutant.ca.issued.clone().into()),
            other => Ok(other),
        })
    KnowsNoAuthority breaks ["CER-020"] "does not know the authorities that it describes"
        (supports |mutant, request| match &request.context.ca {
            Some(ca) => Err(CertificateError::UnknownCa { ca: ca.clone() }),
            None => mutant.ca.supports(request).await,
        })
    TakesAnyAuthority breaks ["CER-021"] "signs by another authority than the order names"
        (issue |mutant, order| {
            let mut order = order.clone();
            order.context.ca = None;
            mutant.ca.issue(&order).await
        })
    PlacesAtUnknownAuthorities breaks ["CER-021"] "places an order, and then sees that it does not know the authority"
        (issue |mutant, order| match mutant.ca.issue(order).await {
            Err(CertificateError::UnknownCa { .. }) => {
                mutant.place_another().await?;
                Ok(OrderOutcome::InvalidOperation("There is no such authority.".into()))
            }
            answer => answer,
        })
    WishesToModify of MINIMAL breaks ["CER-025"] "wishes that the order is modified next, which it does not do"
        (issue |mutant, order| {
            rewaited(mutant.ca.issue(order).await, |waiting| waiting.retry_method(RetryMethod::Modify))
        })
    SaysNothing breaks ["CER-026"] "has no message for the client"
        (issue |mutant, order| rewaited(mutant.ca.issue(order).await, |_| Waiting::new(" ")))
    AddsText breaks ["CER-027"] "puts a text before the certificate"
        (check |mutant, order| repacked(mutant.ca.check(order).await, |issued| {
            let text = format!("Certificate:\n{}", issued.certificate.as_str());
            Ok(IssuedCertificate::new(Pem::new(text)?))
        }))
    AnswersTheChain breaks ["CER-027"] "puts the whole chain in the place of the certificate"
        (check |mutant, order| repacked(mutant.ca.check(order).await, |issued| {
            let text = format!("{}{}", issued.certificate.as_str(), other_certificate()?.as_str());
            Ok(IssuedCertificate::new(Pem::new(text)?))
        }))
    AnswersAPrivateKey breaks ["CER-027"] "puts a key in the place of the intermediates"
        (check |mutant, order| repacked(mutant.ca.check(order).await, |issued| {
            let key = Pem::new("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")?;
            Ok(IssuedCertificate::new(issued.certificate).with_intermediates(key))
        }))
    CancelsSilently breaks ["CER-028"] "cancels without a word"
        (cancel |mutant, order| {
            mutant.ca.cancel(order).await?;
            Ok(OrderOutcome::Canceled("".into()))
        })
    WishesToCancel breaks ["CER-029"] "wishes that a changed order is canceled, which it does not do"
        (capabilities |mutant| mutant.ca.capabilities().cancels(false),
        modify |mutant, order| {
            rewaited(mutant.ca.modify(order).await, |waiting| waiting.retry_method(RetryMethod::Cancel))
        })
    RefusesNewAuthorities breaks ["CER-076"] "knows the base authority alone when an order names one"
        (issue |mutant, order| match &order.context.ca {
            Some(ca) if ca.as_str() != "base" => Err(CertificateError::UnknownCa { ca: ca.clone() }),
            _ => mutant.ca.issue(order).await,
        })
    RepeatsTheName breaks ["CER-111"] "repeats in a message what the client gave"
        (issue |mutant, order| {
            let message = format!("We look at {}.", name_in(&order.metadata));
            rewaited(mutant.ca.issue(order).await, |_| Waiting::new(&message))
        })
}

/// Returns a certificate other than the ordered one.
fn other_certificate() -> Result<Pem, CertificateError> {
    Ok(Pem::new(include_str!("../scripted/pem/root.pem"))?)
}

/// Changes the certificate in an outcome, if there is one.
fn repacked(
    outcome: Result<OrderOutcome, CertificateError>,
    change: impl Fn(IssuedCertificate) -> Result<IssuedCertificate, CertificateError>,
) -> Result<OrderOutcome, CertificateError> {
    match outcome? {
        OrderOutcome::Generated(issued) => change(issued).map(OrderOutcome::Generated),
        other => Ok(other),
    }
}
