//! Works on due records, lane by lane, and frees claims that have ended. Each lane has its own permits.
//!
//! See decision R6.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::{PluginError, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::health::EngineHealth;
use super::report::{WorkOutcome, WorkReport};
use super::submit::{Failed, FailedBecause, Submitted};
use super::worker::Worker;
use super::workflow::{Standing, Workflow};
use crate::plugin::Permit;
use crate::records::{Applied, Change, Claim, Due, Entry, Listed, NameTag, Names, RecordError, Room, random};

/// How many entries are read at a time. A pass over a lane begins at a random one of the entries that it read, so that
/// several hosts do not all begin with the same entry.
const WINDOW: usize = 128;
/// A moment after the ends of all claims.
const LATEST: Timestamp = Timestamp::from_milliseconds(u64::MAX);
/// The maximum number of records of a lane that passes work on at a time, unless the plugin sets a lower limit.
pub(super) const MOST_AT_ONCE: usize = 8;

/// The result of a pass over the due records of a lane, or over claims.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// The reports of the work that ended, also if the pass failed.
    pub(crate) reports: Vec<WorkReport>,
    /// The reason why records were left, if the storage engine failed.
    pub(crate) failure: Option<RecordError>,
    /// Whether due work was left because no permit was free.
    pub(crate) is_full: bool,
    /// Whether a damaged record was skipped. It stays due.
    pub(crate) skips_damage: bool,
}

impl Pass {
    fn ended(self, result: Result<(), RecordError>) -> Self {
        Self { failure: result.err(), ..self }
    }

    /// Waits for work, and adds its reports. If the future is dropped, the rest of the work goes on.
    async fn finish(&mut self, running: &mut JoinSet<WorkReport>) {
        while let Some(done) = running.join_next().await {
            // Panics of plugins are contained, so a panic that is ignored here is a fault of the engine itself.
            self.reports.extend(done.ok());
        }
    }

    /// Waits for the work that a pass has left.
    pub(crate) async fn rest_of(mut left: JoinSet<WorkReport>) -> Self {
        let mut pass = Self::default();
        pass.finish(&mut left).await;
        pass
    }

    /// Adds the result of another pass. The first failure is kept.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.reports.extend(other.reports);
        Self {
            reports: self.reports,
            failure: self.failure.or(other.failure),
            is_full: self.is_full || other.is_full,
            skips_damage: self.skips_damage || other.skips_damage,
        }
    }
}

impl From<RecordError> for Pass {
    fn from(error: RecordError) -> Self {
        Self::default().ended(Err(error))
    }
}

/// An engine, independent of its types. Its futures are boxed once for a pass, not for each step.
#[async_trait]
pub(crate) trait Engine: Send + Sync {
    /// Returns the name of the engine.
    fn name(&self) -> &'static str;

    /// Lists the lanes whose plugins can be called.
    fn lanes(&self) -> Vec<String>;

    /// Does the engine's regular work that belongs to no record.
    fn tick(&self, now: Timestamp);

    /// Frees the claims of earlier runs of this host, and of ended calls of this run.
    async fn free_own_claims(&self) -> Pass;

    /// Frees the expired claims of every host. A claim that ends too late for this host's clock is watched, too.
    async fn free_ended_claims(&self, now: Timestamp) -> Pass;

    /// Works on the due records of a lane while there are free permits. Returns the work that is not done when
    /// `patience` has passed since the last record was begun. This work goes on until the set is dropped, and counts
    /// towards the limit of the lane's other passes (decision H354).
    async fn work_off(&self, lane: &str, now: Timestamp, patience: Duration) -> (Pass, JoinSet<WorkReport>);

    /// Returns the earliest moment at which work in this lane is due.
    async fn next_in(&self, lane: &str) -> Result<Option<Timestamp>, RecordError>;

    /// Returns the earliest moment at which a claim of any host ends, or now if the clock of a host seems wrong.
    async fn next_claim_end(&self) -> Result<Option<Timestamp>, RecordError>;

    /// Counts the work that waits, and checks whether the plugins behind the lanes can be called.
    async fn health(&self, now: Timestamp) -> Result<EngineHealth, RecordError>;
}

#[async_trait]
impl<W: Workflow> Engine for Arc<Worker<W>> {
    fn name(&self) -> &'static str {
        W::ENGINE
    }

    fn lanes(&self) -> Vec<String> {
        self.ready_lanes()
    }

    fn tick(&self, now: Timestamp) {
        self.workflow.tick(now);
    }

    async fn free_own_claims(&self) -> Pass {
        let mut pass = Pass::default();
        let freed = match self.free_claims(&self.journal.own_host(), LATEST, &mut pass).await {
            Ok(()) => self.end_lost_callers(&mut pass).await,
            failed => failed,
        };
        pass.ended(freed)
    }

    async fn free_ended_claims(&self, now: Timestamp) -> Pass {
        let (begun, mut pass) = (Instant::now(), Pass::default());
        let freed = self.free_all_ended(now, &mut pass).await;
        if freed.is_ok() {
            self.forget_ended(begun);
        }
        pass.ended(freed)
    }

    async fn work_off(&self, lane: &str, now: Timestamp, patience: Duration) -> (Pass, JoinSet<WorkReport>) {
        let (mut pass, mut running) = (Pass::default(), JoinSet::new());
        let started = self.start_due(lane, now, &mut pass, &mut running).await;
        // Work that is started is finished even if the storage engine failed meanwhile: an aborted call of a plugin may
        // have had an effect of which the record tells nothing.
        let _ = timeout(patience, pass.finish(&mut running)).await;
        (pass.ended(started), running)
    }

    async fn next_in(&self, lane: &str) -> Result<Option<Timestamp>, RecordError> {
        self.journal.next_due(&self.journal.lane_tag(lane)).await
    }

    async fn next_claim_end(&self) -> Result<Option<Timestamp>, RecordError> {
        let now = self.clock.now();
        let groups = self.journal.groups(Room::Claimed).await?;
        Ok(groups.into_iter().map(|(_, first)| if self.is_too_late(first, now) { now } else { first }).min())
    }

    async fn health(&self, now: Timestamp) -> Result<EngineHealth, RecordError> {
        Worker::health(self, now).await
    }
}

impl<W: Workflow> Worker<W> {
    /// Reads the record of an entry in the index of work, and skips a damaged one.
    async fn read(&self, listed: &Listed, pass: &mut Pass) -> Result<Option<Box<Entry<W>>>, RecordError> {
        let read = self.journal.confirmed(listed).await;
        self.or_skipped(listed, read, pass)
    }

    /// Skips a damaged record, so that it does not keep a pass from the others (decision H297).
    fn or_skipped(
        &self,
        listed: &Listed,
        read: Result<Option<Box<Entry<W>>>, RecordError>,
        pass: &mut Pass,
    ) -> Result<Option<Box<Entry<W>>>, RecordError> {
        match read {
            Err(error) if error.is_damage() => {
                pass.skips_damage = true;
                if self.warns_of(listed.address) {
                    warn!(engine = W::ENGINE, error = %error.detail(), "a damaged record is skipped");
                }
                Ok(None)
            }
            read => read,
        }
    }

    /// Starts the due work of a lane while there are free permits and the run does not drain.
    async fn start_due(
        self: &Arc<Self>,
        lane: &str,
        now: Timestamp,
        pass: &mut Pass,
        running: &mut JoinSet<WorkReport>,
    ) -> Result<(), RecordError> {
        let (tag, slots) = (self.journal.lane_tag(lane), self.slots(lane));
        let (mut after, mut has_begun) = (None::<Listed>, false);
        loop {
            let (mut window, more) =
                self.journal.until((Room::Due, &tag), now, after.as_ref(), WINDOW).await?;
            after = window.last().cloned();
            if !window.is_empty() {
                let start = usize::from(u16::from_le_bytes(random()?)) % window.len();
                window.rotate_left(start);
            }
            let mut confirmed = 0;
            for listed in window {
                // The semaphore is never closed.
                let slot = Arc::clone(&slots).acquire_owned().await.ok();
                let Some(entry) = self.read(&listed, pass).await? else { continue };
                confirmed += 1;
                let permit = match self.workflow.guard(lane) {
                    // Waits in turn, so that callers that want every permit do not keep the lane from all of them.
                    Some(guard) if !has_begun => {
                        guard.permits().acquire_unless(|| guard.is_quarantined()).await
                    }
                    Some(guard) => guard.permits().try_acquire(),
                    None => Some(Permit::default()),
                };
                if self.run.drains() {
                    return Ok(());
                }
                let Some(permit) = permit else {
                    pass.is_full = true;
                    break;
                };
                let Some(hold) = self.hold(entry.address) else {
                    pass.reports.push(report(&entry, WorkOutcome::LeasedElsewhere));
                    continue;
                };
                has_begun = true;
                let worker = Arc::clone(self);
                running.spawn(async move {
                    let taken_up = report(&entry, WorkOutcome::LeasedElsewhere);
                    let event = worker.workflow.wake(&entry.fixed, worker.clock.now().max(now));
                    let ended = worker.submit_held(entry, event, None, Some(hold), Some(permit)).await;
                    drop(slot);
                    WorkReport { outcome: outcome_of(ended), ..taken_up }
                });
            }
            // The unconfirmed entries are removed by now, so the entries after them are read at once.
            if confirmed > 0 || !more {
                return Ok(());
            }
        }
    }

    /// Tells the machine that the caller is lost, for every record whose caller lived in an earlier run of this host.
    ///
    /// If a record fails, the others follow all the same. The first such failure is returned at the end, because only
    /// another recovery takes up the record. A damaged record is skipped.
    async fn end_lost_callers(&self, pass: &mut Pass) -> Result<(), RecordError> {
        let Some(names) = W::callers_of(&self.run.host) else { return Ok(()) };
        let (mut after, mut all_ended) = (None::<Listed>, Ok(()));
        loop {
            let (window, more) = self.journal.under(&names, after.as_ref(), WINDOW).await?;
            for listed in &window {
                if self.run.drains() {
                    return all_ended;
                }
                let ended = self.end_lost_caller(&names, listed, pass).await;
                all_ended = all_ended.and(ended);
            }
            if !more {
                return all_ended;
            }
            after = window.into_iter().last();
        }
    }

    async fn end_lost_caller(
        &self,
        names: &Names<'_>,
        listed: &Listed,
        pass: &mut Pass,
    ) -> Result<(), RecordError> {
        let read = self.journal.confirmed_under(names, listed).await;
        let Some(entry) = self.or_skipped(listed, read, pass)? else { return Ok(()) };
        let now = self.clock.now();
        let Some(event) = self.workflow.caller_lost(&entry.fixed, &self.run, now) else { return Ok(()) };
        let taken_up = report(&entry, WorkOutcome::LeasedElsewhere);
        match self.submit(entry, event, None).await {
            Err(Failed { because: FailedBecause::Storage(error), .. }) => Err(error),
            ended => {
                pass.reports.push(WorkReport { outcome: outcome_of(ended), ..taken_up });
                Ok(())
            }
        }
    }

    async fn free_all_ended(&self, now: Timestamp, pass: &mut Pass) -> Result<(), RecordError> {
        for (host, first) in self.journal.groups(Room::Claimed).await? {
            if first <= now {
                self.free_claims(&host, now, pass).await?;
            } else if self.is_too_late(first, now) {
                self.free_claims(&host, LATEST, pass).await?;
            }
        }
        Ok(())
    }

    /// Reads the claims of a host that end by `now`. If a claim no longer counts, its record is put back into its lane.
    async fn free_claims(&self, host: &NameTag, now: Timestamp, pass: &mut Pass) -> Result<(), RecordError> {
        let mut after: Option<Listed> = None;
        loop {
            let (claimed, more) =
                self.journal.until((Room::Claimed, host), now, after.as_ref(), WINDOW).await?;
            after = claimed.last().cloned();
            for listed in &claimed {
                let Some(mut entry) = self.read(listed, pass).await? else { continue };
                let hold = self.hold(entry.address);
                let runs = |claim: &Claim| claim.run == self.run.number && claim.ends() > self.clock.now();
                if hold.is_none() && entry.claim.as_ref().is_some_and(runs) {
                    // A call of this run still works on the record, and its claim has not ended. So no work was
                    // interrupted.
                    continue;
                }
                if self.standing(&entry, None, hold.is_some()) != Standing::Free {
                    pass.reports.push(report(&entry, WorkOutcome::LeasedElsewhere));
                    continue;
                }
                let freed = Change::to(entry.state.clone());
                // If another host was faster, that host frees or finishes the record.
                let Applied::Stored = self.journal.apply(&mut entry, freed).await? else { continue };
            }
            if !more {
                return Ok(());
            }
        }
    }
}

fn report<W: Workflow>(entry: &Entry<W>, outcome: WorkOutcome) -> WorkReport {
    WorkReport {
        engine: W::ENGINE,
        lane: W::lane(&entry.fixed).to_owned(),
        record: W::record_id(entry),
        outcome,
    }
}

fn outcome_of<W: Workflow>(ended: Result<Submitted<W>, Failed<W>>) -> WorkOutcome {
    let Submitted { entry, mut failures, .. } = match ended {
        Ok(submitted) => submitted,
        Err(failed) => match W::Failure::from(failed) {
            failure if W::is_elsewhere(&failure) => return WorkOutcome::LeasedElsewhere,
            failure => return WorkOutcome::Failed(Box::new(failure)),
        },
    };
    if !failures.is_empty() {
        return WorkOutcome::Failed(Box::new(W::completed(failures.swap_remove(0), &entry)));
    }
    match entry.state.as_ref().map(|state| W::due(&entry.fixed, state)) {
        None => WorkOutcome::Gone,
        Some(Due::Decision) => WorkOutcome::NeedsDecision,
        Some(Due::Never | Due::At(_)) => WorkOutcome::Settled,
    }
}
