//! Mutants that fail under concurrent calls, take too long, trust the client, or reveal its data.

use std::fs;
use std::future::pending;
use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use keyway_certificates::{CertificateAuthority as _, CertificateError, OrderOutcome, Waiting};

use super::plugin::{ca_mutant, name_in};
use super::{CertificateSubject, mutants, operation};
use crate::lock::locked;

const LONG: Duration = Duration::from_millis(200);

/// Tells whether a text is a path of the kit. A mutant must not touch other files.
fn is_path(text: &str) -> bool {
    text.starts_with(['/', '.'])
}

mutants! {
    for CertificateSubject, by ca_mutant;
    FailsWhenBusy breaks ["CER-090"] "refuses an order while it works on another"
        (issue |mutant, order| {
            let slot = mutant.notes.slot.try_acquire();
            let _slot = slot.map_err(|_| CertificateError::refused("It is busy.", "an order has not ended"))?;
            tokio::time::sleep(LONG).await;
            mutant.ca.issue(order).await
        })
    DoublesWhenBusy breaks ["CER-091"] "places two orders while it works on another"
        (issue |mutant, order| {
            let slot = mutant.notes.slot.try_acquire();
            if slot.is_err() {
                mutant.place_another().await?;
            }
            tokio::time::sleep(LONG).await;
            mutant.ca.issue(order).await
        })
    Blocks breaks ["CER-092"] "sleeps in a call, and does not declare that it blocks"
        (issue |mutant, order| {
            sleep(LONG);
            mutant.ca.issue(order).await
        })
    Hangs breaks ["CER-093"] "waits for the certificate within a check"
        (check |mutant, order| match mutant.ca.check(order).await? {
            OrderOutcome::Generated(_) => pending().await,
            other => Ok(other),
        })
    PanicsOnOddRequests breaks ["CER-100"] "takes it for granted that the name is a text"
        (supports |mutant, request| {
            let _ = request.metadata.text("name").expect("a text");
            mutant.ca.supports(request).await
        })
    PanicsOnLongOrders breaks ["CER-101"] "takes it for granted that the data are short"
        (issue |mutant, order| {
            assert!(order.metadata.to_ascii().len() < 30_000, "they are always short");
            mutant.ca.issue(order).await
        })
    IsHurtByOddOrders breaks ["CER-102"] "refuses all orders after one with odd data"
        (issue |mutant, order| {
            if mutant.notes.flag.load(Ordering::SeqCst) {
                return Err(CertificateError::refused("It is closed.", "there was an odd order"));
            }
            let outcome = mutant.ca.issue(order).await;
            mutant.notes.flag.fetch_or(outcome.is_err(), Ordering::SeqCst);
            outcome
        })
    ReadsTheName breaks ["CER-103"] "takes the name of a certificate for a path"
        (issue |mutant, order| {
            if let (true, Ok(text)) = (is_path(name_in(&order.metadata)), fs::read_to_string(name_in(&order.metadata))) {
                return Ok(OrderOutcome::WaitingForCa(Waiting::new(text)));
            }
            mutant.ca.issue(order).await
        })
    ReadsTheAuthority breaks ["CER-104"] "takes the id of an authority for a path"
        (issue |mutant, order| {
            let path = order.context.ca.as_ref().map_or("", |ca| ca.as_str());
            if let (true, Ok(text)) = (is_path(path), fs::read_to_string(path)) {
                return Err(CertificateError::refused("No.", format!("it is not a key: {text}")));
            }
            mutant.ca.issue(order).await
        })
    WritesTheAuthority breaks ["CER-105"] "takes the name of a new authority for a path"
        (create_ca |mutant, request| {
            if is_path(&request.name) {
                drop(fs::write(&request.name, "the key of the authority"));
            }
            mutant.ca.create_ca(request).await
        })
    RemovesTheAuthority breaks ["CER-106"] "takes the id of an authority that is deleted for a path"
        (delete_ca |mutant, request| {
            if is_path(request.ca.as_str()) {
                drop(fs::remove_file(request.ca.as_str()));
            }
            mutant.ca.delete_ca(request).await
        })
    SaysNothingOfAnError breaks ["CER-110"] "fails without a word"
        (create_ca |mutant, request| mutant.ca.create_ca(request).await.map_err(|_| CertificateError::refused("", "-")))
    RepeatsInAnError breaks ["CER-111"] "repeats in an error what the client gave"
        (supports |mutant, request| {
            let name = name_in(&request.metadata);
            if name.starts_with("canary") {
                return Err(CertificateError::refused("No.", format!("no such name: {name}")));
            }
            mutant.ca.supports(request).await
        })
    TracesTheData breaks ["CER-112"] "traces what the client gave"
        (issue |mutant, order| {
            tracing::debug!(name = name_in(&order.metadata), "ordered");
            mutant.ca.issue(order).await
        })
    ShowsTheData breaks ["CER-113"] "shows in its debugging text what the client gave"
        (issue |mutant, order| {
            locked(&mutant.notes.texts).push(name_in(&order.metadata).to_owned());
            mutant.ca.issue(order).await
        })
    PrintsTheData breaks ["CER-114"] "prints what the client gave"
        (issue |mutant, order| {
            drop(writeln!(std::io::stderr(), "ordered {}", name_in(&order.metadata)));
            mutant.ca.issue(order).await
        })
}
