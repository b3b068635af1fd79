//! Records the effects of a vault, and the calls that led to them.

use std::collections::{BTreeMap, BTreeSet};

use keyway_core::IntentId;
use keyway_credentials::{Candidate, CheckIn, Fetch, Lease, LeaseId, LeaseRenewal, SessionEvent, SessionId};

/// A check-out that the vault made.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) session: SessionId,
    pub(super) candidate: Candidate,
    pub(super) intent: String,
}

/// The records of a vault, which outlive every host.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    leases: u32,
    /// The leases that were given, and neither checked in nor renewed under another id.
    pub(super) held: BTreeMap<LeaseId, Given>,
    /// Every lease that was ever given.
    given: BTreeMap<LeaseId, Given>,
    /// The lease of each fetch, by its intent.
    by_intent: BTreeMap<String, Lease>,
    /// The outcome of each renewal, by the intent of the renewal, with the number of its calls since the last one that
    /// succeeded.
    renewed: BTreeMap<String, (Lease, u32)>,
    /// The intents of the check-ins of each lease.
    check_ins: BTreeMap<LeaseId, BTreeSet<String>>,
    /// The intents of the notices that each session has ended.
    ends: BTreeMap<SessionId, BTreeSet<String>>,
    /// The demands of the contract that a host did not meet. They are collected, because a panic here would be taken
    /// for the plugin's own.
    pub(super) faults: Vec<String>,
}

impl Ledger {
    /// Notes a demand of the contract if the host did not meet it.
    pub(super) fn demand(&mut self, kept: bool, demand: impl FnOnce() -> String) {
        if !kept {
            self.faults.push(demand());
        }
    }

    /// Returns the lease that an intent has made.
    pub(super) fn made(&self, intent: &IntentId) -> Option<&Lease> {
        self.by_intent.get(intent.as_str())
    }

    /// Gives a lease on these terms, or returns the lease that the intent has already made.
    pub(super) fn give(&mut self, fetch: &Fetch, terms: impl FnOnce(LeaseId) -> Lease) -> Lease {
        let intent = fetch.intent.as_ref().map(ToString::to_string).unwrap_or_default();
        if let Some(made) = self.by_intent.get(&intent) {
            return made.clone();
        }
        let (session, candidate) = (fetch.session.connection.session_id.clone(), fetch.candidate.clone());
        let lease = terms(self.next());
        let given = Given { session, candidate, intent: intent.clone() };
        self.held.insert(lease.id.clone(), given.clone());
        self.given.insert(lease.id.clone(), given);
        self.by_intent.insert(intent, lease.clone());
        lease
    }

    fn next(&mut self) -> LeaseId {
        self.leases += 1;
        LeaseId::new(format!("lease-{}", self.leases)).expect("a valid id")
    }

    /// Notes a check-in, before it has an effect.
    pub(super) fn asked_back(&mut self, check_in: &CheckIn) {
        let id = &check_in.lease.id;
        let intents = self.check_ins.entry(id.clone()).or_default();
        intents.insert(check_in.intent.to_string());
        let repeated: Vec<String> = intents.iter().cloned().collect();
        self.demand(repeated.len() == 1, || format!("{id} is checked in with several intents: {repeated:?}"));
        let is_right = self.given.get(id).is_some_and(|given| {
            given.candidate == check_in.candidate
                && given.session == check_in.session.connection.session_id
                && is_of_fetch(&given.intent, check_in.intent.as_str())
        });
        self.demand(is_right, || format!("{id} was not given for {check_in:?}"));
    }

    pub(super) fn take_back(&mut self, lease: &LeaseId) {
        self.held.remove(lease);
    }

    /// Renews a held lease, perhaps under another id. Does nothing if the intent has already renewed it.
    pub(super) fn renew(
        &mut self,
        renewal: &LeaseRenewal,
        is_renamed: bool,
        terms: impl FnOnce(LeaseId) -> Lease,
    ) {
        let intent = renewal.intent.to_string();
        let (old, is_new) = (&renewal.lease.id, !self.renewed.contains_key(&intent));
        let Some(given) = self.held.get(old).cloned().filter(|_| is_new) else { return };
        let id = if is_renamed { self.next() } else { old.clone() };
        let lease = terms(id);
        self.held.remove(old);
        self.held.insert(lease.id.clone(), given.clone());
        self.by_intent.insert(given.intent.clone(), lease.clone());
        self.given.insert(lease.id.clone(), given);
        self.renewed.insert(intent, (lease, 0));
    }

    /// Returns the outcome of a renewal, if it took effect.
    pub(super) fn renewal(&mut self, intent: &IntentId) -> Option<&mut (Lease, u32)> {
        self.renewed.get_mut(intent.as_str())
    }

    /// Lists the leases of the renewals whose last `failures` calls did not succeed.
    pub(super) fn unanswered_renewals(&self, failures: u32) -> BTreeSet<LeaseId> {
        let unanswered = self.renewed.values().filter(|(_, failed)| *failed >= failures);
        unanswered.map(|(lease, _)| lease.id.clone()).collect()
    }

    /// Notes that a session has ended.
    pub(super) fn ended(&mut self, event: &SessionEvent) {
        let id = event.session.connection.session_id.clone();
        let intents = self.ends.entry(id.clone()).or_default();
        intents.insert(event.intent.to_string());
        let number = intents.len();
        self.demand(number == 1, || format!("{id} has ended {number} times"));
    }
}

/// Tells whether `check_in` is the intent that a host derives from the intent `fetch`, for the check-in of the fetched
/// lease.
///
/// There is one exception. A person who decides about the fetches of a session cannot tell which fetch made a lease, so
/// the intent of the check-in after such a decision has the number 65535 in place of the number of a fetch.
fn is_of_fetch(fetch: &str, check_in: &str) -> bool {
    let parts =
        |intent: &str| intent.split_once('.').map(|(fetch, rest)| (fetch.to_owned(), rest.to_owned()));
    match (parts(fetch), parts(check_in)) {
        (_, Some((_, rest))) if rest == "65535.check-in" => true,
        (Some(fetch), Some(check_in)) => check_in == (fetch.0, format!("{}.check-in", fetch.1)),
        _ => false,
    }
}
