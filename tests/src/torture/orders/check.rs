//! The process that compares the records of the hosts with the books of the authority.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keyway_certificates::OrderId;
use keyway_conformance::certificates::{CaCall, ScriptedCa};
use keyway_core::{Clock as _, PluginError as _, SystemClock};
use keyway_host::orders::{Decision, End, IssuedBy, Order, Phase};
use keyway_secrets::{SecretAddress, SecretName, SecretStore as _};

use super::acme;
use super::host::{Host, owner, storage, store_name};
use super::plan::{HOSTS, Kind, Plan};
use super::worker::{CELL, CERTIFICATE};
use crate::torture::clock::JumpingClock;
use crate::torture::hosting::{report_check, reported};
use crate::torture::line::{Line, State};

/// The number of attempts to settle everything.
const PASSES: u32 = 400;
/// The name in the scripted authority's certificate.
const NAME: &str = "door.example.com";
/// The beginning of a note about a certificate of the ACME server that arrived: the secret store has it, or its order
/// was deleted after the listener was told. The name in the certificate follows.
pub(super) const ARRIVED: &str = "arrived ";

/// Recovers, and reports errors only.
pub(super) async fn recover(plan: &Plan) {
    reported(async { Host::start(plan, plan.slot, &storage(plan).await?).await?.recover().await }).await;
}

/// Settles everything, and reports the state.
pub(super) async fn run(plan: &Plan) {
    report_check(async |lines| look(plan, lines).await).await;
}

async fn look(plan: &Plan, lines: &mut Vec<Line>) -> Result<(), String> {
    let storage = storage(plan).await?;
    let mut hosts = Vec::new();
    for slot in 0..HOSTS {
        let host = Host::start(plan, slot, &storage).await?;
        host.recover().await?;
        hosts.push(host);
    }
    let host = hosts.first().ok_or("there are no hosts")?;
    host.make_store().await;
    settle(host).await?;
    compare(plan, host, lines).await
}

async fn all(host: &Host) -> Result<Vec<Order>, String> {
    host.orders.list(&owner()).await.map_err(|error| error.detail())
}

fn is_settled(order: &Order, ready: &BTreeSet<String>) -> bool {
    match order.state.phase {
        Phase::Finished(End::Generated) => ready.contains(order.id.as_str()),
        Phase::Finished(_) => order.state.late.as_ref().is_none_or(|late| late.revoked),
        _ => false,
    }
}

/// Works until every order is finished, and the listener has received every notice.
async fn settle(host: &Host) -> Result<(), String> {
    for _ in 0..PASSES {
        // No host's clock was further ahead than this, so everything is due.
        let now = SystemClock.now().plus(2 * JumpingClock::FURTHEST);
        host.engines.run_due(now).await.map_err(|error| error.detail())?;
        decide(host).await?;
        let ready: BTreeSet<String> = host.ready().into_iter().collect();
        if all(host).await?.iter().all(|order| is_settled(order, &ready)) {
            return Ok(());
        }
        // The work that is left is claimed by another host, whose claim has to expire.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Decides as an operator would, after a look at the books.
async fn decide(host: &Host) -> Result<(), String> {
    let undecided = host.orders.undecided(None, 1000).await.map_err(|error| error.detail())?;
    for order in undecided.orders {
        let placed = host
            .ca
            .effects()
            .iter()
            .any(|effect| effect.call == CaCall::Issue && effect.object == order.id.as_str());
        let decision = if placed { Decision::Placed } else { Decision::NotPlaced };
        let decided = host.orders.decide(&owner(), &order.id, decision).await;
        decided.map_err(|error| format!("it cannot be decided: {}", error.detail()))?;
    }
    Ok(())
}

/// Compares the records with the books, the secret store and the notices.
async fn compare(plan: &Plan, host: &Host, lines: &mut Vec<Line>) -> Result<(), String> {
    let orders = all(host).await?;
    let ready: BTreeSet<String> = host.ready().into_iter().collect();
    let mut placed = BTreeMap::<String, usize>::new();
    for effect in host.ca.effects().into_iter().filter(|effect| effect.call == CaCall::Issue) {
        *placed.entry(effect.object).or_default() += 1;
    }
    let known: BTreeSet<&str> = orders.iter().map(|order| order.id.as_str()).collect();
    let deleted = host.deleted();
    for (order, times) in &placed {
        if *times > 1 {
            lines.push(Line::Doubled(format!("the order {order} was placed {times} times")));
        }
        if !known.contains(order.as_str()) && !deleted.contains_key(order) {
            lines.push(Line::Lost(format!("the authority has the order {order}, which no host knows")));
        }
    }
    let late = orders.iter().filter(|order| order.state.phase == Phase::Finished(End::Canceled));
    let late = late.map(|order| order.id.as_str());
    // A listener was told of a certificate that came before its order was deleted: such a certificate is not late.
    let gone = deleted.iter().filter(|(order, _)| !known.contains(order.as_str()));
    let (told, untold): (Vec<_>, Vec<_>) = gone.partition(|(order, _)| ready.contains(*order));
    lines.extend(unrevoked(&host.ca, late.chain(untold.iter().map(|(order, _)| order.as_str()))));
    let is_acme = plan.kind == Kind::Acme;
    if is_acme {
        lines.extend(told.iter().map(|(_, cell)| Line::Note(format!("{ARRIVED}{}", acme::name(cell)))));
    }
    lines.extend(acme::proofs(&plan.folder).map(|proof| Line::Corrupt(format!("the proof {proof} is left"))));
    let mut cells = BTreeSet::new();
    for order in orders {
        let Ok(Some(cell)) = order.metadata().text(CELL).map(|cell| cell.map(str::to_owned)) else {
            lines.push(Line::Corrupt(format!("the order {} has lost its metadata", order.id)));
            continue;
        };
        if !cells.insert(cell.clone()) {
            lines.push(Line::Doubled(format!("{cell} has two orders")));
        }
        lines.push(Line::Observed { cell: cell.clone(), state: State::of(&cell) });
        match order.state.phase {
            Phase::Finished(End::Generated) => {
                if !is_acme && !placed.contains_key(order.id.as_str()) {
                    lines.push(Line::Corrupt(format!("{cell} has a certificate, and was never placed")));
                }
                if !ready.contains(order.id.as_str()) {
                    lines.push(Line::Lost(format!("no listener was told that {cell} is ready")));
                }
                let name = if is_acme { acme::name(&cell) } else { NAME.to_owned() };
                if !is_logged(host, &order.id, &name).await? {
                    lines.push(Line::Lost(format!("the certificate of {cell} is not in the log")));
                }
                if is_stored(host, &order).await? {
                    if is_acme {
                        lines.push(Line::Note(format!("{ARRIVED}{name}")));
                    }
                    let cell = format!("{cell}/{CERTIFICATE}");
                    lines.push(Line::Observed { state: State::of(&cell), cell });
                } else {
                    lines.push(Line::Lost(format!("the certificate of {cell} is not in the store")));
                }
            }
            Phase::Finished(End::Canceled) if is_settled(&order, &ready) => {}
            phase => {
                let message = &order.state.message;
                lines.push(Line::Corrupt(format!("{cell} is {phase:?} at the end: {message}")));
            }
        }
    }
    Ok(())
}

/// Reports the late certificates that no host revoked: those that the authority made for the orders `without` a
/// certificate (decision B17).
fn unrevoked<'a>(ca: &ScriptedCa, without: impl Iterator<Item = &'a str>) -> Vec<Line> {
    let issued: BTreeSet<String> = ca.issued_orders().into_iter().collect();
    let revoked = ca.effects().into_iter().filter(|effect| effect.call == CaCall::Revoke);
    let revoked: BTreeSet<String> = revoked.map(|effect| effect.intent).collect();
    // The host names the intent of a revocation after its order.
    let is_revoked = |order: &str| revoked.contains(&format!("{order}.revoke.late"));
    let lost = without.filter(|order| issued.contains(*order) && !is_revoked(order));
    lost.map(|order| Line::Lost(format!("the late certificate of the order {order} was not revoked")))
        .collect()
}

/// Tells whether the log of issued certificates has the certificate of an order under `name`.
async fn is_logged(host: &Host, order: &OrderId, name: &str) -> Result<bool, String> {
    let mut after = None;
    loop {
        let page = host.orders.issued(IssuedBy::Name(name), after.as_ref(), 100).await;
        let page = page.map_err(|error| error.detail())?;
        after = page.next;
        if page.entries.iter().any(|entry| entry.order == *order) {
            return Ok(true);
        }
        if after.is_none() {
            return Ok(false);
        }
    }
}

/// Tells whether the secret store has the certificate and the chain that the order has.
async fn is_stored(host: &Host, order: &Order) -> Result<bool, String> {
    let store = host.engines.stores().open(&store_name()).await.map_err(|error| error.detail())?;
    let Some(issued) = &order.state.certificate else { return Ok(false) };
    let parts =
        [("certificate", Some(&issued.certificate)), ("intermediates", issued.intermediates.as_ref())];
    for (part, pem) in parts {
        let Some(pem) = pem else { continue };
        let name =
            SecretName::new(format!("order-{}.{part}", order.id)).map_err(|error| error.to_string())?;
        let Ok(secret) = store.get(&SecretAddress::shared(name)).await else { return Ok(false) };
        if secret.value.expose_text() != Some(pem.as_str()) {
            return Ok(false);
        }
    }
    Ok(true)
}
