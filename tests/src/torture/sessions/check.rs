//! The process that compares the records of the hosts with the vaults.

use std::collections::{BTreeMap, BTreeSet};

use keyway_conformance::credentials::{ScriptedStore, StoreCall, StoreEntry};
use keyway_core::{Clock as _, PluginError as _, SystemClock};
use keyway_credentials::{Account, Asset, Candidate, Holder, Lease, LeaseId};
use keyway_host::sessions::{Decision, LeaseQuery, SessionsError, UndecidedFetch};

use super::host::{Host, storage};
use super::name::{SessionName, USER};
use super::plan::{HOSTS, Plan};
use super::rotating;
use super::vaults::{VAULTS, VaultTerms};
use super::worker::THERE;
use crate::torture::clock::JumpingClock;
use crate::torture::hosting::{report_check, reported};
use crate::torture::line::{Line, State};

/// The number of attempts to settle everything.
const PASSES: u32 = 400;

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
    let vaults = VAULTS.iter().filter(|terms| terms.is_scripted());
    let vaults = vaults.map(|terms| (terms, terms.open(&plan.folder))).collect::<Vec<_>>();
    for name in &plan.detached {
        let name: SessionName = name.parse()?;
        let session = host.sessions.resume(name.session()).await.map_err(|error| error.detail())?;
        if let Some(session) = session {
            session.end().await.map_err(|error| format!("{name} does not end: {}", error.detail()))?;
        }
    }
    settle(host, &vaults, lines).await?;
    for (terms, vault) in &vaults {
        compare(terms, vault, lines);
    }
    for terms in VAULTS.iter().filter(|terms| !terms.is_scripted()) {
        rotating::compare(plan, terms, &host.engines, lines).await?;
    }
    Ok(())
}

type Vaults = [(&'static VaultTerms, ScriptedStore)];

/// Works until no work is due, no lease is held, and no fetch is undecided.
async fn settle(host: &Host, vaults: &Vaults, lines: &mut Vec<Line>) -> Result<(), String> {
    for _ in 0..PASSES {
        // No host's clock was further ahead than this, so everything is due.
        let now = SystemClock.now().plus(2 * JumpingClock::FURTHEST);
        let reports = host.engines.run_due(now).await.map_err(|error| error.detail())?;
        let undecided = host.sessions.undecided(None, 1000).await.map_err(|error| error.detail())?;
        let held = held(host).await?;
        if reports.is_empty() && undecided.fetches.is_empty() && held.is_empty() {
            return Ok(());
        }
        for fetch in undecided.fetches {
            decide(host, vaults, &fetch).await?;
        }
        // Another host may have a claim on the work that is left. Such a claim has to expire.
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    lines.push(Line::Lost(format!("something is always due: {:?}", held(host).await?)));
    Ok(())
}

/// Returns the leases that are held according to the records: the vault and the lease id of each.
async fn held(host: &Host) -> Result<BTreeSet<(String, String)>, String> {
    let query = LeaseQuery::Holder(Holder::new(USER).map_err(|error| error.to_string())?);
    let (mut after, mut held) = (None, BTreeSet::new());
    loop {
        let page = host.sessions.leases(&query, after, 1000).await.map_err(|error| error.detail())?;
        let leases = page.leases.into_iter();
        held.extend(leases.map(|lease| (lease.store.to_string(), lease.lease.id.to_string())));
        after = page.next;
        if after.is_none() {
            return Ok(held);
        }
    }
}

/// Decides as an operator would, after a look at the vault. If the vault gave the session a lease that no record has,
/// the lease belongs to one of the session's undecided fetches.
async fn decide(host: &Host, vaults: &Vaults, fetch: &UndecidedFetch) -> Result<(), String> {
    let vault = vaults.iter().find(|(terms, _)| terms.name == fetch.store.as_str());
    let (terms, vault) = vault.ok_or("a fetch has no vault")?;
    if terms.resolves() {
        return Err(format!("{} has to be decided, although its vault {} tells", fetch.session, fetch.store));
    }
    let (in_vault, known) = (vault.held(), held(host).await?);
    let is_unknown = |effect: &&StoreEntry| {
        let lease = effect.lease.clone().unwrap_or_default();
        is_fetch(effect)
            && effect.session.as_deref() == Some(fetch.session.as_str())
            && in_vault.contains(&lease)
            && !known.contains(&(fetch.store.to_string(), lease))
    };
    let effects = vault.effects();
    let decision = match effects.iter().find(is_unknown) {
        Some(effect) => made(effect)?,
        None => Decision::NothingThere,
    };
    let by = Holder::new("ada").map_err(|error| error.to_string())?;
    match host.sessions.decide(fetch, decision, by).await {
        // A decision that is refused is tried again in the next pass.
        Ok(_) | Err(SessionsError::Refused(_)) => Ok(()),
        Err(error) => Err(format!("it cannot be decided: {}", error.detail())),
    }
}

fn made(effect: &StoreEntry) -> Result<Decision, String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let read = || {
        let account = Account::new(text(&effect.account))?;
        let candidate = Candidate::new(account, Asset::new(text(&effect.asset))?);
        Ok(Decision::Made(candidate, Lease::new(LeaseId::new(text(&effect.lease))?)))
    };
    read().map_err(|error: keyway_core::InvalidText| error.to_string())
}

fn is_fetch(entry: &StoreEntry) -> bool {
    matches!(entry.call, StoreCall::Passwords | StoreCall::PrivateKeys)
}

/// Checks that every lease that the vault gave was returned exactly once, that nothing else was returned, and that the
/// end of a session was not reported to the vault twice. Lists the sessions that got leases, and the sessions whose end
/// was reported.
fn compare(terms: &VaultTerms, vault: &ScriptedStore, lines: &mut Vec<Line>) {
    let (effects, calls) = (vault.effects(), vault.calls());
    for lease in vault.held() {
        lines.push(Line::Lost(format!("the vault {} holds {lease}, which no record has", terms.name)));
    }
    for doubled in vault.doubled() {
        // Without `idempotent`, a notice or a renewal may reach the vault twice (decision R3).
        if is_fetch(&doubled) || doubled.call == StoreCall::CheckIn || terms.capabilities.idempotent {
            lines.push(Line::Doubled(format!("in the vault {}: {doubled:?}", terms.name)));
        }
    }
    let mut sessions = BTreeSet::new();
    let mut given = BTreeMap::new();
    for effect in effects.iter().filter(|effect| is_fetch(effect)) {
        given.insert(effect.lease.as_deref(), effect.intent.as_deref().unwrap_or_default());
        sessions.extend(effect.session.as_deref());
    }
    let check_ins: Vec<_> = calls.iter().filter(|call| call.call == StoreCall::CheckIn).collect();
    for (lease, intent) in &given {
        let own = format!("{intent}.check-in");
        let is_of_it = |call: &&&StoreEntry| {
            call.lease.as_deref() == *lease || call.intent.as_deref() == Some(own.as_str())
        };
        let intents: BTreeSet<_> = check_ins.iter().filter(is_of_it).map(|call| &call.intent).collect();
        match intents.len() {
            0 => lines.push(Line::Lost(format!("{lease:?} was never returned to {}", terms.name))),
            1 => {}
            _ => {
                lines.push(Line::Doubled(format!("{lease:?} was returned to {} by {intents:?}", terms.name)));
            }
        }
    }
    let intents: BTreeSet<_> = given.values().map(|intent| format!("{intent}.check-in")).collect();
    for call in check_ins {
        let is_known = given.contains_key(&call.lease.as_deref())
            || call.intent.as_ref().is_some_and(|intent| intents.contains(intent));
        if !is_known {
            lines.push(Line::Corrupt(format!(
                "what was never given was returned to {}: {call:?}",
                terms.name
            )));
        }
    }
    let mut ended = BTreeMap::<&str, BTreeSet<_>>::new();
    for call in calls.iter().filter(|call| call.call == StoreCall::SessionEnded) {
        ended.entry(call.session.as_deref().unwrap_or_default()).or_default().insert(&call.intent);
    }
    for (session, intents) in ended.iter().filter(|(_, intents)| intents.len() > 1) {
        lines.push(Line::Doubled(format!("{} was told of the end of {session} by {intents:?}", terms.name)));
    }
    let told = |of: StoreCall| -> BTreeSet<&str> {
        let told = effects.iter().filter(|effect| effect.call == of);
        told.filter_map(|effect| effect.session.as_deref()).collect()
    };
    let (authenticated, ended) = (told(StoreCall::AuthenticationCompleted), told(StoreCall::SessionEnded));
    for (kind, sessions) in [("given", sessions), ("authenticated", authenticated), ("ended", ended)] {
        let places = sessions.into_iter().map(|session| format!("{kind}.{}.{session}", terms.name));
        lines.extend(places.map(|cell| Line::Observed { cell, state: State::of(THERE) }));
    }
}
