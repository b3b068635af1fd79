//! Properties over any sequence of calls, plugin failures and crashes: exactly the leases that were checked out are
//! checked in, repeated calls carry the same id, and no lease is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keyway_credentials::{Account, Asset, CredentialKind, LeaseId};
use proptest::prelude::*;

use super::*;
use crate::records::{Due, Recorded};
use crate::sessions::search::Search;
use crate::sessions::workflow::SessionWorkflow;
use crate::work::{Again, Workflow};

/// A vault that records the effects of all calls.
#[derive(Debug, Default)]
struct Vault {
    held: BTreeMap<LeaseId, CheckOutId>,
    /// Every lease that was ever given, with the check-out for whose intent it was given.
    given: BTreeMap<LeaseId, CheckOutId>,
    /// The checked-in leases, with the ids under which they were checked in.
    checked_in: BTreeMap<LeaseId, BTreeSet<CheckOutId>>,
    /// The lease that each renewal made.
    renewed: BTreeMap<(CheckOutId, u32), LeaseId>,
    told: BTreeSet<String>,
    /// How many times the machine learned that the vault was told of the end.
    ended: u32,
}

/// The outcome of the next call of the plugin, chosen by bits.
#[derive(Clone, Copy, Debug)]
struct Luck(u8);

impl Luck {
    /// Returns whether the call succeeds, and if not, whether it had an effect nevertheless.
    fn outcome(self) -> (bool, bool) {
        (self.0 & 3 != 0, self.0 & 4 != 0)
    }
}

#[derive(Clone, Debug)]
enum Call {
    Fetch { number: u8, repeated: bool },
    Completed(CheckInTrigger),
    Failed,
    End { recovers: bool },
    HostLost,
    Force(prop::sample::Index),
    Wake,
}

/// Where a process ends, or fails to store a step.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// The process ends at this command, before or after its effect.
    Ends {
        command: u8,
        after: bool,
    },
    /// The result of this command cannot be stored.
    Unstored {
        command: u8,
    },
}

struct World {
    vault: Vault,
    state: Option<SessionState>,
    now: Timestamp,
    resolves: bool,
    luck: Box<dyn Iterator<Item = Luck>>,
    leases: u32,
    ends: Option<Duration>,
    renews_ids: bool,
}

fn candidate() -> Candidate {
    Candidate::new(Account::new("root").unwrap(), Asset::new("web1").unwrap())
}

impl World {
    fn event(&self, what: What) -> Event {
        Event { now: self.now, resolves: self.resolves, data: None, continues: false, what }
    }

    fn give(&mut self, id: CheckOutId) -> Lease {
        // Repeated calls with the same intent have one effect.
        let known = self.vault.held.iter().find(|(_, held)| **held == id).map(|(lease, _)| lease.clone());
        let lease = known.unwrap_or_else(|| {
            self.leases += 1;
            LeaseId::new(format!("l{}", self.leases)).unwrap()
        });
        self.vault.held.insert(lease.clone(), id);
        self.vault.given.insert(lease.clone(), id);
        self.lease(lease)
    }

    fn lease(&self, id: LeaseId) -> Lease {
        let lease = Lease::new(id).renewable(true);
        self.ends.map_or(lease.clone(), |ends| lease.expires_at(self.now.plus(ends)))
    }

    /// Gives a renewed lease a new id if `renews_ids` is set.
    fn rename(&mut self, old: &LeaseId) -> LeaseId {
        if !self.renews_ids {
            return old.clone();
        }
        self.leases += 1;
        let new = LeaseId::new(format!("l{}", self.leases)).unwrap();
        let id = self.vault.held.remove(old).unwrap();
        self.vault.given.remove(old);
        self.vault.held.insert(new.clone(), id);
        self.vault.given.insert(new.clone(), id);
        new
    }

    fn again(&self) -> Again {
        Again { now: self.now, retry_after: None, jitter: 0 }
    }

    /// Carries out a command, as a plugin that may fail at any time.
    fn carry_out(&mut self, command: &Command) -> What {
        let (works, effect) = self.luck.next().unwrap_or(Luck(7)).outcome();
        match command {
            Command::Search(open) => {
                let (fetch, again) = (open.id, self.again());
                let id = CheckOutId { fetch, number: 1 };
                // A store that can be asked again gives the same intent the same lease.
                let is_held = self.vault.held.values().any(|held| *held == id);
                match (works, effect || is_held) {
                    (true, true) => {
                        let lease = self.give(id);
                        What::Found {
                            check_out: CheckOut::new(id, candidate(), Some(lease), self.now),
                            renews: true,
                        }
                    }
                    (true, false) => What::NothingFound { fetch, failed: false },
                    (false, true) => {
                        self.give(id);
                        What::Unclear { fetch, again, last: Some(1) }
                    }
                    (false, false) => What::Unclear { fetch, again, last: Some(1) },
                }
            }
            Command::Resolve(open) if works => {
                // A store may refuse to answer about the candidate, or about another one.
                let (refuses, tells) = match self.luck.next() {
                    Some(luck) => (!luck.outcome().0, luck.outcome().1),
                    None => (false, true),
                };
                let held =
                    self.vault.held.iter().filter(|(_, id)| id.fetch == open.id && (tells || !refuses));
                let held = held.map(|(lease, id)| {
                    CheckOut::new(*id, candidate(), Some(Lease::new(lease.clone())), self.now)
                });
                let (settled, again) = if refuses { (Some(0), Some(self.again())) } else { (None, None) };
                What::Resolved { fetch: open.id, held: held.collect(), settled, again }
            }
            Command::Resolve(open) if effect => What::CannotTell { fetch: open.id },
            Command::Resolve(open) => What::Unclear { fetch: open.id, again: self.again(), last: None },
            Command::CheckIn(out) => {
                if works || effect {
                    let lease = &out.lease.as_ref().unwrap().id;
                    assert!(self.vault.given.contains_key(lease), "{lease} was never given");
                    self.vault.held.remove(lease);
                    self.vault.checked_in.entry(lease.clone()).or_default().insert(out.id);
                }
                What::CheckIn {
                    check_out: out.clone(),
                    taken_back: if works { Ok(Rotation::Rotated) } else { Err(self.again()) },
                }
            }
            Command::Renew(out) => {
                let (old, intent) = (&out.lease.as_ref().unwrap().id, (out.id, out.renewals));
                if (works || effect) && self.vault.held.contains_key(old) {
                    let new = self.rename(old);
                    self.vault.renewed.insert(intent, new);
                }
                let renewed = match self.vault.renewed.get(&intent).filter(|_| works) {
                    Some(id) => Ok(self.lease(id.clone())),
                    None => Err(self.again()),
                };
                What::Renewal { check_out: out.clone(), renewed, is_unclear: !works }
            }
            Command::Tell(what, _) => {
                if works || effect {
                    self.vault.told.insert(format!("{what:?}"));
                }
                What::Told { what: *what, failed: (!works).then(|| self.again()) }
            }
        }
    }

    /// Applies an event and carries out the commands that follow, unless the process ends before.
    fn submit(&mut self, what: What, fault: Fault) {
        let (mut event, mut standing) = (self.event(what), Standing::Free);
        for number in 0..64 {
            let Ok(step) = step(&Limits::default(), self.state.as_ref(), standing, event.clone()) else {
                return;
            };
            let is_end = matches!(event.what, What::Told { what: Told::Ended, failed: None });
            self.vault.ended += u32::from(is_end);
            assert!(step.command.is_none() || step.state.is_some(), "a command without a record");
            assert!(!step.is_promised || step.state == self.state, "a state that is not stored");
            self.check_kept(step.state.as_ref());
            self.state = step.state;
            let Some(command) = step.command else { return };
            if let Fault::Ends { command: ends, after } = fault
                && ends == number
            {
                if after {
                    self.carry_out(&command);
                }
                return;
            }
            let what = self.carry_out(&command);
            event = self.event(what);
            standing = if step.is_promised { Standing::Free } else { Standing::Ours };
            if let Fault::Unstored { command: unstored } = fault
                && unstored == number
            {
                let Some(undo) = SessionWorkflow::undo(&event) else { return };
                let what = self.carry_out(&undo);
                event = self.event(what);
            }
        }
        panic!("an event leads to more than 64 commands");
    }

    /// Checks that a step leaves the proof and the age of each lease as they are.
    fn check_kept(&self, next: Option<&SessionState>) {
        let before = self.state.iter().flat_map(|state| &state.check_outs);
        for out in next.iter().flat_map(|next| &next.check_outs) {
            let lease = |out: &CheckOut| (out.id, out.lease.as_ref().map(|lease| lease.id.clone()));
            for known in before.clone().filter(|known| lease(known) == lease(out)) {
                assert!(!known.is_proven || out.is_proven, "{out:?} was proven");
                assert_eq!(known.made, out.made, "{out:?}");
            }
        }
    }

    fn due(&self) -> Option<Timestamp> {
        let at = crate::sessions::record::SessionAtStore {
            store: keyway_credentials::CredentialStoreName::new("hall").unwrap(),
            connection: std::sync::Arc::new(keyway_credentials::Connection::new(
                keyway_credentials::SessionId::new("s").unwrap(),
            )),
            holder: None,
            host: None,
        };
        match SessionWorkflow::due(&at, self.state.as_ref()?) {
            Due::At(at) => Some(at),
            Due::Never | Due::Decision => None,
        }
    }
}

fn any_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => (0..250_u8, prop::bool::weighted(0.2)).prop_map(|(number, repeated)| Call::Fetch { number, repeated }),
        2 => Just(Call::Completed(CheckInTrigger::AfterAuthentication)),
        2 => Just(Call::Completed(CheckInTrigger::AtSessionEnd)),
        1 => Just(Call::Failed),
        1 => any::<bool>().prop_map(|recovers| Call::End { recovers }),
        1 => Just(Call::HostLost),
        1 => any::<prop::sample::Index>().prop_map(Call::Force),
        3 => Just(Call::Wake),
    ]
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        2 => (0..4_u8, any::<bool>()).prop_map(|(command, after)| Fault::Ends { command, after }),
        1 => (0..4_u8).prop_map(|command| Fault::Unstored { command }),
    ]
}

fn fetch(number: u8) -> OpenFetch {
    OpenFetch {
        id: [number; 16],
        kind: CredentialKind::Passwords,
        search: Search::one(candidate()),
        reason: None,
        ticket: None,
        only: None,
        last: None,
        settled: 0,
        stage: FetchStage::Pending,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn exactly_what_was_checked_out_is_checked_in(
        calls in prop::collection::vec((any_call(), any_fault(), 0..400_u64), 1..24),
        luck in prop::collection::vec(any::<u8>().prop_map(Luck), 0..64),
        resolves: bool,
        ends in prop::option::of(1..300_u64),
        renews_ids: bool,
    ) {
        let ends = ends.map(Duration::from_secs);
        let mut world = World {
            vault: Vault::default(), state: None, now: Timestamp::from_milliseconds(1_000), resolves,
            luck: Box::new(luck.into_iter()), leases: 0, ends, renews_ids,
        };
        let mut has_ended = false;
        for (index, (call, fault, seconds)) in calls.into_iter().enumerate() {
            world.now = world.now.plus(Duration::from_secs(seconds));
            let what = match call {
                // The id of a fetch is used once, except for a repetition.
                Call::Fetch { number, repeated } => {
                    let number = if repeated { number % 3 } else { u8::try_from(index).unwrap() + 3 };
                    What::Fetch { fetch: fetch(number), again: resolves }
                }
                Call::Completed(trigger) => What::AuthenticationCompleted { trigger, read: Vec::new() },
                Call::Failed => What::AuthenticationFailed,
                Call::End { recovers } => What::End { read: Vec::new(), recovers },
                Call::HostLost => What::HostLost,
                Call::Force(index) => {
                    let outs: Vec<CheckOutId> = world.vault.held.values().copied().collect();
                    if outs.is_empty() { continue }
                    What::Force { id: *index.get(&outs), by: Holder::new("ada").unwrap() }
                }
                Call::Wake => What::Wake,
            };
            has_ended |= matches!(what, What::End { .. } | What::HostLost);
            world.submit(what, fault);
            // A handle that has ended makes no further calls.
            if has_ended && world.state.is_none() {
                break;
            }
        }
        // The host starts again, and the plugin works.
        world.luck = Box::new(std::iter::empty());
        world.submit(What::HostLost, Fault::None);
        for _ in 0..99 {
            let Some(state) = &world.state else { break };
            if let Some(undecided) = state.fetches.iter().find(|open| open.stage == FetchStage::Undecided) {
                let fetch = undecided.id;
                let held = world.vault.held.iter().find(|(_, id)| id.fetch == fetch);
                let made = held.map(|(lease, _)| (candidate(), Lease::new(lease.clone())));
                world.submit(What::Decide { fetch, made, by: Holder::new("ada").unwrap() }, Fault::None);
                continue;
            }
            let due = world.due();
            prop_assert!(due.is_some(), "nothing is due: {:?}", world.state);
            world.now = world.now.max(due.unwrap());
            world.submit(What::Wake, Fault::None);
        }
        prop_assert_eq!(&world.state, &None);
        prop_assert_eq!(&world.vault.held, &BTreeMap::new());
        let given: BTreeSet<_> = world.vault.given.keys().collect();
        let checked_in: BTreeSet<_> = world.vault.checked_in.keys().collect();
        prop_assert_eq!(given, checked_in);
        for (lease, ids) in &world.vault.checked_in {
            // A decision by a person does not contain the candidate's number, so only the fetches are compared.
            let ids: BTreeSet<_> = ids.iter().map(|id| id.fetch).collect();
            prop_assert_eq!(ids, BTreeSet::from([world.vault.given[lease].fetch]), "{} has one check-in", lease);
        }
        prop_assert!(world.vault.ended <= 1, "the end was told {} times", world.vault.ended);
    }
}
