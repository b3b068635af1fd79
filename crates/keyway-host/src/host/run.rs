//! Recovers a host, and runs its loop over due work.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::{PluginError, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::{error, warn};

use super::name::HeldName;
use super::{Host, HostError, Inner};
use crate::plugin::contain;
use crate::records::RecordError;
use crate::work::{Engine, Pass, Stopped, WorkOutcome, WorkReport};

/// The longest sleep of the loop. It is limited because clocks jump.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// The time that a task rests if a pass left work because no permit was free, or because other hosts or other calls
/// work on it.
const REST: Duration = Duration::from_millis(200);
/// The time that a task rests after a failed pass, after a pass in which all work failed, and after a pass that only
/// skipped damaged records. It is short, because other work of the lane may become due during the rest.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How long a lane waits for the work that a pass has begun, before it begins another pass for its other records. It is
/// longer than most calls, so that a pass usually ends with its work.
const PATIENCE: Duration = Duration::from_secs(1);

/// The work of one task of the loop: to free the ended claims of an engine, or to work on one lane of an engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Claims(usize),
    Lane(usize, String),
}

impl Host {
    /// Takes over every claim of earlier runs of this host at once, and does the work that is due. [`run`](Self::run)
    /// begins with the same steps.
    ///
    /// After an interrupted request, an issuer that can reconcile is asked about the outcome. If the issuer cannot
    /// reconcile, the grant becomes [indeterminate](crate::grants::Phase::Indeterminate) and stays listed until a
    /// person decides. A store resumes interrupted work. A record that cannot be settled is reported with the reason
    /// and stays listed. A record that another host has claimed is skipped until the claim has ended.
    ///
    /// # Errors
    /// [`HostError::Record`] when records cannot be read, or when the end of a lost session cannot be stored: call the
    /// function again. All other work is done before the function returns the error, and its reports go to the
    /// [observer](super::HostBuilder::observer). [`HostError::Superseded`]; [`HostError::Ended`].
    ///
    /// # Cancel safety
    /// The future can be dropped, and the call repeated.
    pub async fn recover(&self) -> Result<Vec<WorkReport>, HostError> {
        self.inner.confirm_name().await?;
        let mut done = Pass::default();
        for engine in &self.inner.engines {
            done = done.and(engine.free_own_claims().await);
        }
        self.inner.work_off(self.inner.clock.now(), done).await
    }

    /// Does the work that is due at `now`, once. Hosts normally call [`run`](Self::run) instead. This method is for
    /// tests, and for hosts with their own scheduler.
    ///
    /// Several hosts may share one storage engine. Each host starts at a random due record, and claims a record before
    /// it calls a plugin. A host skips a record that another host has claimed, until it has seen the claim unchanged
    /// for the claim's whole duration, by its own monotonic clock (decision R5).
    ///
    /// # Errors
    /// [`HostError::Record`] when records cannot be read; [`HostError::Superseded`]; [`HostError::Ended`]. As with
    /// [`recover`](Self::recover), the other work is done, and its reports go to the observer.
    ///
    /// # Cancel safety
    /// The future can be dropped, and the call repeated.
    pub async fn run_due(&self, now: Timestamp) -> Result<Vec<WorkReport>, HostError> {
        let mut done = Pass::default();
        for engine in &self.inner.engines {
            engine.tick(now);
            // The claims of an engine without lanes are not freed, because no worker could take up the records.
            if !engine.lanes().is_empty() {
                done = done.and(engine.free_ended_claims(now).await);
            }
        }
        self.inner.work_off(now, done).await
    }

    /// Recovers, and then works on records as soon as they are due, until `shutdown` completes. Each lane (a service, a
    /// vault, a connection to certificate authorities, or a plugin for secret stores) has its own task, so a lane that
    /// hangs does not delay the others. Work that takes long delays no other work of its lane, unless it is that of
    /// eight records, or of as many as the plugin works on at a time. At the end the loop begins no other work, waits
    /// for the plugin calls under way for a [bounded time](super::HostBuilder::drain_within), and
    /// [closes](Self::close) the host.
    ///
    /// A failure of the storage engine does not end the loop; the pass is tried again.
    ///
    /// # Errors
    /// [`HostError::Superseded`] when another run of this host has taken over; [`HostError::Ended`] when this run has
    /// ended before.
    ///
    /// # Cancel safety
    /// Dropping the future leaves claims behind, as a crash does; the next run takes them over.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<(), HostError> {
        let mut shutdown = pin!(shutdown);
        let mut tasks = Tasks::new(Arc::clone(&self.inner));
        let run = self.inner.name.run();
        loop {
            self.inner.check_name()?;
            let sleep = tasks.start_due().await;
            tokio::select! {
                // A loop that is to end starts no other round of tasks.
                biased;
                () = &mut shutdown => break,
                // A lane begins no pass before its last one is joined. Work that becomes due all the time must not
                // delay that.
                Some(()) = tasks.joined() => {}
                () = run.woken.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
        let _drain = run.drain();
        if timeout(self.inner.drain, async { while tasks.joined().await.is_some() {} }).await.is_err() {
            warn!("plugins are still working at the end of the host; the next run resumes their work");
        }
        if let Err(error) = self.close().await {
            warn!(error = %error.detail(), "the host's name was not released; the next run waits for it");
        }
        Ok(())
    }
}

impl Inner {
    fn check_name(&self) -> Result<(), HostError> {
        let run = self.name.run();
        let name = run.host.to_string();
        match run.stopped() {
            None => Ok(()),
            Some(Stopped::Superseded) => Err(HostError::Superseded { name }),
            Some(Stopped::Ended) => Err(HostError::Ended { name }),
        }
    }

    /// Checks in the storage engine that this run has the name, and refuses work if it does not.
    pub(super) async fn confirm_name(&self) -> Result<(), HostError> {
        self.name.confirm().await?;
        self.check_name()
    }

    /// Works on all lanes in parallel. Returns the reports of `done` and of this work.
    async fn work_off(&self, now: Timestamp, mut done: Pass) -> Result<Vec<WorkReport>, HostError> {
        let named = self.check_name();
        let mut running = JoinSet::new();
        for engine in self.engines.iter().filter(|_| named.is_ok()) {
            for lane in engine.lanes() {
                let engine = Arc::clone(engine);
                running.spawn(async move { engine.work_off(&lane, now, Duration::MAX).await.0 });
            }
        }
        // A lane whose records cannot be read does not end the work of the others.
        while let Some(ended) = running.join_next().await {
            done = done.and(ended.unwrap_or_default());
        }
        match named.and(done.failure.map_or(Ok(()), |error| Err(error.into()))) {
            Ok(()) => Ok(done.reports),
            Err(error) => {
                done.reports.into_iter().for_each(|report| self.observe(report));
                Err(error)
            }
        }
    }

    /// Shows a report to the observer, and drops it. The destructor of a plugin's error may panic.
    fn observe(&self, report: WorkReport) {
        if let WorkOutcome::Failed(failure) = &report.outcome {
            warn!(engine = report.engine, lane = report.lane, record = report.record, error = %failure.detail(), "work failed, and stays listed");
        }
        if contain(|| self.observer.worked(&report)).is_err() {
            warn!("the observer of the host panicked");
        }
        if contain(move || drop(report)).is_err() {
            warn!("the error of a plugin panicked when it was dropped");
        }
    }
}

/// The end of a task, or the part of it that the lane waits for.
struct Ended {
    task: Task,
    pass: Pass,
    /// The work that goes on beside the lane's next passes.
    left: JoinSet<WorkReport>,
}

/// The tasks that rest, with the ends of their rests. The type is pure, without a clock.
#[derive(Debug, Default)]
struct Rests(BTreeMap<Task, Instant>);

impl Rests {
    /// Lets a task rest. Of the rests after several passes of a lane, the one that ends last counts.
    fn add(&mut self, task: Task, until: Instant) {
        let end = self.0.entry(task).or_insert(until);
        *end = until.max(*end);
    }

    /// Removes the rests that have ended. Returns the time until the next one ends.
    fn pass_to(&mut self, now: Instant) -> Option<Duration> {
        self.0.retain(|_, until| *until > now);
        self.0.values().min().map(|until| until.saturating_duration_since(now))
    }

    fn has(&self, task: &Task) -> bool {
        self.0.contains_key(task)
    }
}

/// The tasks of the loop.
struct Tasks {
    host: Arc<Inner>,
    running: JoinSet<Ended>,
    /// The tasks that are not started again before they end, by their tokio id. If a task panics, tokio reports only
    /// this id.
    busy: BTreeMap<tokio::task::Id, Task>,
    rests: Rests,
    /// The engines whose claims and callers of earlier runs are not freed yet.
    unrecovered: BTreeSet<usize>,
}

impl Tasks {
    fn new(host: Arc<Inner>) -> Self {
        let unrecovered = (0..host.engines.len()).collect();
        let (running, busy, rests) = (JoinSet::new(), BTreeMap::new(), Rests::default());
        Self { host, running, busy, rests, unrecovered }
    }

    /// Starts every due task that is not running. Returns the time to sleep.
    async fn start_due(&mut self) -> Duration {
        let now = self.host.clock.now();
        let mut sleep = LONGEST_SLEEP;
        if let Some(rest) = self.rests.pass_to(Instant::now()) {
            sleep = sleep.min(rest);
        }
        let busy: BTreeSet<Task> = self.busy.values().cloned().collect();
        for (number, engine) in self.host.engines.clone().into_iter().enumerate() {
            engine.tick(now);
            let lanes: Vec<_> = engine.lanes().into_iter().map(|lane| Task::Lane(number, lane)).collect();
            let recovers = self.unrecovered.contains(&number);
            // Later, the claims of an engine without lanes are not freed, because no worker could take up the records.
            let claims = (recovers || !lanes.is_empty()).then_some(Task::Claims(number));
            for task in claims.into_iter().chain(lanes) {
                if busy.contains(&task) || self.rests.has(&task) {
                    continue;
                }
                if recovers && matches!(task, Task::Claims(_)) {
                    self.start(task);
                    continue;
                }
                match next(&*engine, &task).await {
                    Ok(Some(at)) if at <= now => self.start(task),
                    Ok(Some(at)) => {
                        let wait = at.as_milliseconds().saturating_sub(now.as_milliseconds());
                        sleep = sleep.min(Duration::from_millis(wait));
                    }
                    Ok(None) => {}
                    Err(error) => {
                        warn!(engine = engine.name(), error = %error.detail(), "due work cannot be looked up");
                        sleep = sleep.min(REST_AFTER_FAILURE);
                    }
                }
            }
        }
        sleep
    }

    /// Starts a task. Until it has succeeded once, a task for claims also frees the claims of earlier runs of this
    /// host.
    fn start(&mut self, task: Task) {
        let (Task::Claims(number) | Task::Lane(number, _)) = &task;
        let recovers = self.unrecovered.contains(number);
        let (engine, now) = (Arc::clone(&self.host.engines[*number]), self.host.clock.now());
        let (name, held) = (task.clone(), Arc::clone(&self.host.name));
        let handle = self.running.spawn(async move {
            let (pass, left) = match &task {
                Task::Lane(_, lane) => engine.work_off(lane, now, PATIENCE).await,
                Task::Claims(_) => (claims(&*engine, &held, recovers, now).await, JoinSet::new()),
            };
            Ended { task, pass, left }
        });
        self.busy.insert(handle.id(), name);
    }

    /// Waits for a task to end, and takes up all that have ended. Returns `None` when no task is running.
    async fn joined(&mut self) -> Option<()> {
        let mut joined = Some(self.running.join_next_with_id().await?);
        while let Some(ended) = joined {
            match ended {
                Ok((id, ended)) => {
                    self.busy.remove(&id);
                    self.ended(ended);
                }
                Err(panicked) => {
                    error!("a pass panicked; it is tried again");
                    if let Some(task) = self.busy.remove(&panicked.id()) {
                        self.rests.add(task, Instant::now() + REST_AFTER_FAILURE);
                    }
                }
            }
            joined = self.running.try_join_next_with_id();
        }
        Some(())
    }

    fn ended(&mut self, Ended { task, pass, left }: Ended) {
        if !left.is_empty() {
            // This task is not busy, so the lane may begin another pass for its other records.
            let task = task.clone();
            self.running.spawn(async move {
                let pass = Pass::rest_of(left).await;
                Ended { task, pass, left: JoinSet::new() }
            });
        }
        if let (Task::Claims(number), None) = (&task, &pass.failure) {
            self.unrecovered.remove(number);
        }
        if let Some(error) = &pass.failure {
            warn!(?task, error = %error.detail(), "a pass failed; it is tried again");
        }
        if let Some(rest) = rest_after(&pass) {
            self.rests.add(task, Instant::now() + rest);
        }
        for report in pass.reports {
            self.host.observe(report);
        }
    }
}

/// Returns how long a task rests after a pass, if it would otherwise start again at once without use.
fn rest_after(pass: &Pass) -> Option<Duration> {
    let is_elsewhere = |done: &WorkReport| matches!(done.outcome, WorkOutcome::LeasedElsewhere);
    let is_failed = |done: &WorkReport| matches!(done.outcome, WorkOutcome::Failed(_));
    if pass.failure.is_some() {
        Some(REST_AFTER_FAILURE)
    } else if pass.reports.iter().all(is_elsewhere) {
        // A damaged record stays due.
        Some(if pass.skips_damage { REST_AFTER_FAILURE } else { REST })
    } else if pass.reports.iter().all(|done| is_elsewhere(done) || is_failed(done)) {
        // Work that could not be stored is still due. Without a rest, a full disk would keep the loop busy.
        Some(REST_AFTER_FAILURE)
    } else {
        pass.is_full.then_some(REST)
    }
}

/// Frees the ended claims of an engine, and also the claims of earlier runs of this host if it `recovers`.
async fn claims(engine: &dyn Engine, name: &HeldName, recovers: bool, now: Timestamp) -> Pass {
    let own = if recovers { recovered(engine, name).await } else { Pass::default() };
    if let Err(stopped) = name.run().check() {
        return own.and(stopped.into());
    }
    // A recovery that fails again and again must not keep the claims of other hosts from being freed.
    own.and(engine.free_ended_claims(now).await)
}

async fn recovered(engine: &dyn Engine, name: &HeldName) -> Pass {
    // If another run has taken over, the claims in the name of this host are those of its calls.
    match name.confirm().await.and_then(|_| name.run().check()) {
        Ok(()) => engine.free_own_claims().await,
        Err(error) => error.into(),
    }
}

async fn next(engine: &dyn Engine, task: &Task) -> Result<Option<Timestamp>, RecordError> {
    match task {
        Task::Claims(_) => engine.next_claim_end().await,
        Task::Lane(_, lane) => engine.next_in(lane).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(outcomes: impl IntoIterator<Item = WorkOutcome>) -> Pass {
        let report = |outcome| WorkReport { engine: "toy", lane: "a".into(), record: "1".into(), outcome };
        Pass { reports: outcomes.into_iter().map(report).collect(), ..Pass::default() }
    }

    fn failed() -> WorkOutcome {
        WorkOutcome::Failed(Box::new(HostError::Ended { name: "a".to_owned() }))
    }

    /// Tests passes of one lane that end beside each other: what one has done does not end the rest after another.
    #[tokio::test(start_paused = true)]
    async fn a_pass_shortens_no_rest_after_another_pass_of_its_lane() {
        let (begun, lanes) = (Instant::now(), ["a", "b"].map(|lane| Task::Lane(0, lane.to_owned())));
        let [lane, other] = &lanes;
        for passes in [[pass([failed()]), pass([])], [pass([]), pass([failed()])]] {
            let mut rests = Rests::default();
            for rest in passes.iter().filter_map(rest_after) {
                rests.add(lane.clone(), begun + rest);
            }
            assert_eq!(rest_after(&pass([WorkOutcome::Gone, failed()])), None);
            assert_eq!(rests.pass_to(begun + REST).map(|left| REST + left), Some(REST_AFTER_FAILURE));
            assert!(rests.has(lane) && !rests.has(other));
            assert_eq!(rests.pass_to(begun + REST_AFTER_FAILURE), None);
            assert!(!rests.has(lane));
        }
    }
}
