//! Holds the state of an engine's worker, which is shared by the worker's steps and passes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use keyway_core::{Clock, Timestamp};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::damage::WarnedOf;
use super::hold::{Hold, Holds};
use super::limits::Limits;
use super::pass::MOST_AT_ONCE;
use super::retry::Again;
use super::seen_claims::SeenClaims;
use super::workflow::{Standing, Workflow};
use crate::plugin::Permit;
use crate::records::{Address, Claim, Entry, Journal, Names, RecordError, random};

/// A run of a named host. While a handle to one of its engines lives, the run keeps the name, because work may be done
/// (decision H306).
#[derive(Debug)]
pub(crate) struct Run {
    /// The name of the host.
    pub(crate) host: Arc<str>,
    /// A number that no other run has.
    pub(crate) number: u64,
    /// Set when this run stops working.
    stopped: OnceLock<Stopped>,
    /// Set while [`Host::run`](crate::Host::run) waits for plugin calls at its end.
    drains: AtomicBool,
    /// Wakes [`Host::run`](crate::Host::run), because work may be due earlier than the loop expects.
    pub(crate) woken: Notify,
}

/// The time in which a run begins no due work.
#[derive(Debug)]
pub(crate) struct Drain(Arc<Run>);

impl Drop for Drain {
    fn drop(&mut self) {
        self.0.drains.store(false, Ordering::SeqCst);
    }
}

/// The reason why a run has stopped working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Another run of the same host has taken over.
    Superseded,
    /// The host was ended.
    Ended,
}

impl Run {
    pub(crate) fn new(host: Arc<str>, number: u64) -> Arc<Self> {
        let (stopped, drains, woken) = (OnceLock::new(), AtomicBool::default(), Notify::new());
        Arc::new(Self { host, number, stopped, drains, woken })
    }

    /// Tells whether no due work may be begun.
    pub(crate) fn drains(&self) -> bool {
        self.drains.load(Ordering::SeqCst)
    }

    /// Lets no due work begin while the returned value lives.
    pub(crate) fn drain(self: &Arc<Self>) -> Drain {
        self.drains.store(true, Ordering::SeqCst);
        Drain(Arc::clone(self))
    }

    /// Returns the reason why the run has stopped working, if it has.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.stopped.get().copied()
    }

    /// Stops the work. Returns `false` if the run was stopped before. The first reason is kept.
    pub(crate) fn stop(&self, reason: Stopped) -> bool {
        self.stopped.set(reason).is_ok()
    }

    /// Refuses work if the run has stopped.
    pub(crate) fn check(&self) -> Result<(), RecordError> {
        match self.stopped() {
            None => Ok(()),
            Some(Stopped::Superseded) => Err(RecordError::Superseded),
            Some(Stopped::Ended) => Err(RecordError::Ended),
        }
    }
}

/// Carries out the steps of the records of one engine.
#[derive(Debug)]
pub(crate) struct Worker<W: Workflow> {
    pub(crate) workflow: W,
    pub(crate) journal: Journal<W>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) run: Arc<Run>,
    holds: Arc<Holds>,
    seen_claims: Mutex<SeenClaims>,
    warned_of: Mutex<WarnedOf>,
    slots: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

/// Keeps the hold and the permit of a plugin call until the call ends, even if its caller goes
/// away.
#[derive(Clone, Debug)]
pub(crate) struct Working {
    #[expect(dead_code, reason = "dropping it ends the hold")]
    hold: Hold,
    #[expect(dead_code, reason = "dropping it frees the permit")]
    permit: Permit,
}

impl<W: Workflow> Worker<W> {
    pub(crate) fn new(workflow: W, journal: Journal<W>, clock: Arc<dyn Clock>, run: Arc<Run>) -> Self {
        Self {
            workflow,
            journal,
            clock,
            run,
            holds: Arc::default(),
            seen_claims: Mutex::default(),
            warned_of: Mutex::default(),
            slots: Mutex::default(),
        }
    }

    /// Holds a record, unless another call of this run holds it.
    pub(crate) fn hold(&self, address: Address) -> Option<Hold> {
        self.holds.take(address)
    }

    /// Returns the slots of a lane. A pass takes one for each record that it works on.
    pub(super) fn slots(&self, lane: &str) -> Arc<Semaphore> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(MOST_AT_ONCE));
        Arc::clone(slots.entry(lane.to_owned()).or_insert_with(new))
    }

    /// Makes a claim of this run that begins now. The claim lasts longer than the plugin may take for this command.
    pub(super) fn claim(&self, command: &W::Command) -> Claim {
        let (now, lasts) = (self.clock.now(), self.claim_lasts(W::is_long(command)));
        Claim { host: Arc::clone(&self.run.host), run: self.run.number, made: now, from: now, lasts }
    }

    /// Returns how long a claim of this run lasts. A call may first wait for a thread for as long as its deadline
    /// (decision H312).
    fn claim_lasts(&self, is_long: bool) -> Duration {
        let Limits { deadline, stall, lease_grace, .. } = *self.workflow.limits();
        let longest = if is_long { deadline.max(stall) } else { deadline };
        deadline.saturating_add(longest).saturating_add(lease_grace)
    }

    /// Tells whether a claim ends so late that the clock of its owner must be ahead. The difference to twice the
    /// duration of this host's own claims allows for clocks that differ a little.
    pub(super) fn is_too_late(&self, ends: Timestamp, now: Timestamp) -> bool {
        ends > now.plus(self.claim_lasts(true).saturating_mul(2))
    }

    /// Tells whether a record is claimed, and by which caller. `own` is the claim that the caller made.
    pub(super) fn standing(&self, entry: &Entry<W>, own: Option<&Claim>, held: bool) -> Standing {
        match (&entry.claim, entry.revision()) {
            (Some(claim), _) if claim.is_same(own) => Standing::Ours,
            _ if !held => Standing::Others,
            // The claim belongs to an ended call of this run, or to an earlier run of this host, which has ended.
            (Some(claim), _) if claim.host == self.run.host => Standing::Free,
            (Some(claim), Some(revision)) => {
                let now = Instant::now();
                let unchanged = self.seen_claims().unchanged_for(entry.address, revision, claim.lasts, now);
                if unchanged >= claim.lasts { Standing::Free } else { Standing::Others }
            }
            _ => Standing::Free,
        }
    }

    /// Waits for a permit of the record's plugin. During the wait nothing is stored.
    pub(crate) async fn permit(&self, fixed: &W::Fixed) -> Permit {
        match self.workflow.guard(W::lane(fixed)) {
            Some(guard) => guard.permits().acquire(|| guard.is_quarantined()).await,
            None => Permit::default(),
        }
    }

    /// Forgets claims of other hosts that were last seen long before the pass that began at `pass`.
    pub(super) fn forget_ended(&self, pass: Instant) {
        self.seen_claims().forget_ended(pass, Instant::now());
    }

    /// Tells whether to warn about a damaged record now.
    pub(super) fn warns_of(&self, record: Address) -> bool {
        self.warned_of.lock().unwrap_or_else(PoisonError::into_inner).is_due(record, Instant::now())
    }

    fn seen_claims(&self) -> std::sync::MutexGuard<'_, SeenClaims> {
        self.seen_claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record that the caller of a command has claimed.
pub(crate) struct Claimed<'a, W: Workflow> {
    pub(crate) worker: &'a Worker<W>,
    pub(crate) entry: &'a Entry<W>,
    pub(super) hold: Option<&'a Hold>,
    pub(super) permit: Mutex<Option<Permit>>,
}

impl<W: Workflow> Claimed<'_, W> {
    /// Prepares a plugin call. The call keeps the returned value until it ends. The first call uses the permit that was
    /// acquired before the step was stored; each further call waits for its own permit. A call of a caller that works
    /// beside another one holds the record, too (decision H304).
    pub(crate) async fn working(&self) -> Working {
        let reserved = self.permit.lock().unwrap_or_else(PoisonError::into_inner).take();
        let permit = match reserved {
            Some(permit) => permit,
            None => self.worker.permit(&self.entry.fixed).await,
        };
        let hold = self.hold.cloned().unwrap_or_else(|| self.worker.holds.share(self.entry.address));
        Working { hold, permit }
    }

    /// Reads the clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.worker.clock.now()
    }

    /// Describes a failure of the plugin. `retry_after` is the wait that the plugin asked for.
    pub(crate) fn again(&self, retry_after: Option<Duration>) -> Again {
        // If no random byte is available, the wait is not lengthened, which is harmless.
        let jitter = random::<1>().map_or(0, |[jitter]| jitter);
        Again { now: self.now(), retry_after, jitter }
    }

    /// Tells whether the caller still has its claim on the record. Callers check this before an action that cannot be
    /// undone.
    pub(crate) async fn is_claimed(&self) -> Result<bool, RecordError> {
        let current = self.worker.journal.load(self.entry.address).await?;
        Ok(current
            .and_then(|current| current.claim)
            .is_some_and(|claim| claim.is_same(self.entry.claim.as_ref())))
    }

    /// Finds the record that holds these unique names.
    pub(crate) async fn holder_of(&self, names: &Names<'_>) -> Result<Option<Box<Entry<W>>>, RecordError> {
        self.worker.journal.holder_of(names).await
    }
}
