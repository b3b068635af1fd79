//! The process that compares the records of the hosts with the accounts, and reports the result.

use std::collections::{BTreeMap, BTreeSet};

use keyway_core::{Clock as _, PluginError as _, SystemClock};
use keyway_host::grants::{Decision, Grant, GrantOutcome, GrantsError, Phase, TransitionError};
use keyway_issuers::CredentialRef;

use super::accounts::{Credential, IntentOutcome};
use super::cell::{Author, Cell};
use super::host::{Host, HostResources, service_name};
use super::issuer::Then;
use super::offer::{LIMIT, OFFERS, USERS, offer, user_info};
use super::plan::Plan;
use super::worker::{self, HANDED, THERE};
use crate::torture::draw::Draw;
use crate::torture::hosting::reported;
use crate::torture::line::{Line, State, say};

/// The number of attempts to settle everything.
const PASSES: u32 = 200;

/// Recovers, and reports errors only.
pub(super) async fn recover(plan: &Plan) {
    reported(async { worker::recover(&HostResources::open(plan).await?.host(plan.slot).await?).await }).await;
}

/// Checks everything, recovers, and reports the state.
pub(super) async fn run(plan: &Plan) {
    for line in observe(plan).await {
        say(&line);
    }
}

/// Returns the lines of a process in the role [`Check`](super::Role::Check).
pub async fn observe(plan: &Plan) -> Vec<Line> {
    let mut lines = Vec::new();
    match look(plan, &mut lines).await {
        Ok(()) => lines.push(Line::Complete),
        Err(fault) => lines.push(Line::Corrupt(fault)),
    }
    lines
}

async fn look(plan: &Plan, lines: &mut Vec<Line>) -> Result<(), String> {
    let resources = HostResources::open(plan).await?;
    let mut hosts = Vec::new();
    for slot in 0..plan.hosts {
        hosts.push(resources.host(slot).await?);
    }
    let first = hosts.first().ok_or("there are no hosts")?;
    compare(first, false, lines).await?;
    settle(&hosts).await?;
    let found = compare(first, true, lines).await?;
    for (cell, is_handed) in found {
        lines.push(Line::Observed { cell: cell.to_string(), state: State::of(THERE) });
        if is_handed {
            lines.push(Line::Observed { cell: cell.values(), state: State::of(HANDED) });
        }
    }
    let mut draw = Draw::new(plan.seed);
    let limited: Vec<_> =
        OFFERS.iter().filter(|offer| offer.limit.is_some()).map(|offer| offer.name).collect();
    let user = u32::try_from(draw.below(u64::from(USERS))).unwrap_or_default();
    probe(first, draw.one_of(&limited), user, plan, lines).await?;
    let faults = resources.accounts.faults().map_err(|error| error.to_string())?;
    lines.extend(
        faults
            .into_iter()
            .map(|(doubled, what)| if doubled { Line::Doubled(what) } else { Line::Corrupt(what) }),
    );
    Ok(())
}

async fn all(host: &Host) -> Result<Vec<Grant>, String> {
    let mut grants = Vec::new();
    for user in Host::users() {
        grants.extend(host.grants.list(&user).await.map_err(|error| error.detail())?);
    }
    Ok(grants)
}

/// Compares the records with the accounts. Returns the cells of all grants in [`Phase::Granted`], each with a flag that
/// tells whether its values were delivered.
///
/// Every credential must be known to a record, and every credential in a record must exist. Once everything
/// `is_settled`, records and credentials correspond one to one.
async fn compare(
    host: &Host,
    is_settled: bool,
    lines: &mut Vec<Line>,
) -> Result<BTreeMap<Cell, bool>, String> {
    // An executable that a killed host left behind may make a credential at any time. The intent is recorded before the
    // credential is made, so the credentials are read before the records.
    let live = host.accounts.live().map_err(|error| error.to_string())?;
    let grants = all(host).await?;
    for credential in &live {
        if !grants.iter().any(|grant| knows(grant, credential)) {
            lines.push(Line::Lost(format!(
                "{} has the credential {} ({}), which no grant knows of",
                credential.cell, credential.state, credential.intent
            )));
        }
    }
    let mut cells = BTreeMap::new();
    let mut states = BTreeSet::new();
    for grant in &grants {
        let intent = grant.id.to_string();
        let offer = offer(grant.service.as_str()).ok_or("a grant belongs to no service of the torture")?;
        if is_settled && grant.state.phase != Phase::Granted {
            lines.push(Line::Corrupt(format!("the grant {intent} is still {:?}", grant.state.phase)));
            continue;
        }
        if grant.state.phase != Phase::Granted {
            continue;
        }
        let Some(state) = &grant.state.credential else {
            lines.push(Line::Corrupt(format!("the grant {intent} is granted, and has no state")));
            continue;
        };
        let is_of_it =
            |credential: &&Credential| is_of(grant, credential) && credential.state == state.as_str();
        let orphans = live.iter().filter(is_of_it).count().saturating_sub(1);
        if is_settled && orphans > grant.state.orphans as usize {
            lines.push(Line::Doubled(format!(
                "{orphans} more credentials have the state {} of the grant {intent}, which counts {}",
                state.as_str(),
                grant.state.orphans
            )));
        }
        if !states.insert((grant.service.clone(), grant.user.clone(), state.clone())) {
            lines.push(Line::Doubled(format!("two grants have the state {}", state.as_str())));
        }
        // If credentials share a reference (`state`), the destruction of one may also destroy another, so a missing
        // credential is not a fault.
        if !offer.few_states && !live.iter().any(|credential| credential.intent == intent) {
            lines
                .push(Line::Lost(format!("the grant {intent} of {} has no credential any more", offer.name)));
            continue;
        }
        let cell = host.accounts.cell_of(&intent).map_err(|error| error.to_string())?;
        let cell: Cell = cell.ok_or_else(|| format!("no request made the grant {intent}"))?.parse()?;
        if cells.insert(cell.clone(), !grant.state.undelivered).is_some() {
            lines.push(Line::Doubled(format!("{cell} has two grants")));
        }
    }
    Ok(cells)
}

/// Tells whether a grant and a credential have the same service and user.
fn is_of(grant: &Grant, credential: &Credential) -> bool {
    grant.service.as_str() == credential.service
        && grant.user == user_info(credential.user.parse().unwrap_or(u32::MAX)).user_id()
}

/// Tells whether the record of a grant identifies the credential.
fn knows(grant: &Grant, credential: &Credential) -> bool {
    let (state, is_same) = (&grant.state, grant.id.to_string() == credential.intent);
    is_of(grant, credential)
        && match state.phase {
            Phase::Intended | Phase::Indeterminate => is_same,
            Phase::Granted | Phase::Revoking => {
                state.credential.as_ref().is_some_and(|state| state.as_str() == credential.state)
            }
        }
}

/// Settles everything: recovers, performs due work, and decides the cases that need an operator.
async fn settle(hosts: &[Host]) -> Result<(), String> {
    for host in hosts {
        worker::recover(host).await?;
    }
    let host = hosts.first().ok_or("there are no hosts")?;
    for _ in 0..PASSES {
        // The clock is set ahead, so that postponed attempts are due.
        let now = SystemClock.now().plus(std::time::Duration::from_secs(3600));
        host.engines.run_due(now).await.map_err(|error| error.detail())?;
        decide(host).await?;
        if all(host).await?.iter().all(|grant| grant.state.phase == Phase::Granted) {
            return Ok(());
        }
        // The work that is left is claimed by another host, whose claim has to expire.
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Decides as an operator would: checks the accounts, and prevents later effects of the intent.
async fn decide(host: &Host) -> Result<(), String> {
    for grant in host.grants.undecided(None, 1000).await.map_err(|error| error.detail())?.grants {
        let told = host.accounts.tell(&grant.id.to_string()).map_err(|error| error.to_string())?;
        let decision = match told {
            IntentOutcome::Made(state) => Decision::Made(CredentialRef::new(state)),
            IntentOutcome::Destroyed | IntentOutcome::Nothing => Decision::NothingThere,
        };
        match host.grants.decide(&grant.user, grant.id, decision).await {
            Ok(_)
            | Err(GrantsError::Refused(
                TransitionError::InFlight | TransitionError::NoGrant | TransitionError::NothingToDo,
            )) => {}
            // Two credentials have this reference (`state`), and only the accounts can tell them apart.
            Err(GrantsError::StateTaken { .. }) => {
                host.accounts.destroy_of_intent(&grant.id.to_string()).map_err(|error| error.to_string())?;
                let forgotten = host.grants.decide(&grant.user, grant.id, Decision::NothingThere).await;
                forgotten.map_err(|error| error.detail())?;
            }
            Err(error) => return Err(format!("it cannot be decided: {}", error.detail())),
        }
    }
    Ok(())
}

/// Checks that a user gets exactly the number of credentials that the limit still allows. This shows that the limit
/// counts the grants correctly.
async fn probe(
    host: &Host,
    service: &str,
    user: u32,
    plan: &Plan,
    lines: &mut Vec<Line>,
) -> Result<(), String> {
    let listed = host.grants.list(&user_info(user).user_id()).await.map_err(|error| error.detail())?;
    let held = listed.iter().filter(|grant| grant.service == service_name(service)).count() as u64;
    let mut got = Vec::new();
    for number in 0..=LIMIT {
        let number = format!("{}.{number}", plan.round);
        let cell = Cell { service: service.to_owned(), user, author: Author::Check, has_id: false, number };
        match host.request(&cell, Then::Works).await {
            Ok(GrantOutcome::Granted(handed)) => got.push(handed.grant),
            Ok(other) => return Err(format!("{cell} was answered with {other:?}")),
            Err(GrantsError::Refused(TransitionError::LimitReached { .. })) => break,
            Err(error) => return Err(format!("{cell} failed: {}", error.detail())),
        }
    }
    if held + got.len() as u64 != LIMIT {
        lines.push(Line::Corrupt(format!(
            "user {user} has {held} grants of {service} and got {} more, with a limit of {LIMIT}",
            got.len()
        )));
    }
    for grant in got {
        host.grants
            .revoke(grant, user_info(user))
            .await
            .map_err(|error| format!("revoking: {}", error.detail()))?;
    }
    Ok(())
}
