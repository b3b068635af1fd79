//! Runs the step loop: compute a step, store it, carry its command out, and repeat with the result.

use std::pin::pin;
use std::sync::Mutex;

use keyway_core::PluginError;
use tracing::warn;

use super::hold::Hold;
use super::worker::{Claimed, Worker};
use super::workflow::{Carried, Step, Workflow};
use crate::plugin::Permit;
use crate::records::{ATTEMPTS, Applied, Change, Claim, Due, Entry, RecordError};

/// The maximum number of commands that may follow from one event. The tests of the machines allow six.
const MAX_COMMANDS: u32 = 64;

/// The result of an event.
pub(crate) struct Submitted<W: Workflow> {
    /// The record after the event. It has no state if the record is removed.
    pub(crate) entry: Box<Entry<W>>,
    /// The plugin's answer, if the last step handed it out.
    pub(crate) answer: Option<W::Answer>,
    /// The failures of the plugin, in order.
    pub(crate) failures: Vec<W::Failure>,
    /// The record that held the unique names, if the last step depended on it.
    pub(crate) holder: Option<Box<Entry<W>>>,
}

/// Reports that an event could not be carried through.
pub(crate) struct Failed<W: Workflow> {
    pub(crate) because: FailedBecause<W>,
    /// The id of the record, as reports name it.
    pub(crate) record: String,
    /// The state of the record, as far as it is known.
    pub(crate) state: Option<W::State>,
    /// Earlier failures of the plugin, in order.
    pub(crate) failures: Vec<W::Failure>,
    /// Whether the plugin was called at all.
    pub(crate) was_asked: bool,
}

/// The reason why an event could not be carried through.
pub(crate) enum FailedBecause<W: Workflow> {
    /// The event does not fit the state. `holder` is the record that holds the unique names, if the event was refused
    /// because of them.
    Refused { error: W::TransitionError, holder: Option<Box<Entry<W>>> },
    /// The limit for the number of records under one of the counted names is reached.
    LimitReached(u64),
    /// A step could not be stored. The plugin's work was undone if the step is known not to be
    /// stored.
    Storage(RecordError),
}

#[cfg(any(feature = "certificates", feature = "credentials"))]
impl<W: Workflow> Failed<W> {
    /// Returns the error for the caller. `limit` is the error of a record that is over a limit.
    ///
    /// If a step cannot be stored after the plugin failed, the caller gets the plugin's failure, because it tells more
    /// than the failure to store the step.
    pub(crate) fn into_failure(self, limit: W::TransitionError) -> W::Failure
    where
        W::Failure: From<W::TransitionError> + From<RecordError>,
    {
        match self.because {
            FailedBecause::Refused { error, .. } => error.into(),
            FailedBecause::LimitReached(_) => limit.into(),
            FailedBecause::Storage(error) => self.failures.into_iter().next().unwrap_or_else(|| error.into()),
        }
    }
}

/// The progress of one caller in the loop.
struct Course<'a, W: Workflow> {
    worker: &'a Worker<W>,
    live: Option<&'a W::Live>,
    hold: Option<Hold>,
    /// A permit that the caller waited for and has not used yet.
    permit: Option<Permit>,
    /// The claim that this caller made.
    own: Option<Claim>,
    entry: Box<Entry<W>>,
    failures: Vec<W::Failure>,
    was_asked: bool,
    /// The storage failure. Set while the work of an unstored step is being undone.
    lost: Option<RecordError>,
}

impl<W: Workflow> Worker<W> {
    /// Carries an event through: computes, stores and carries out steps until no command is left.
    ///
    /// The caller gets the plugin's answer only if the last stored step hands it out. After a storage failure the loop
    /// reads the record first, and undoes the plugin's work only if the step is known not to be stored.
    ///
    /// While another call of this run holds the record, the machine is told that another caller works on it.
    ///
    /// Dropping the future leaves at most a claim on the record. When the claim has expired, a worker takes up the
    /// record.
    pub(crate) fn submit<'a>(
        &'a self,
        entry: Box<Entry<W>>,
        event: W::Event,
        live: Option<&'a W::Live>,
    ) -> impl Future<Output = Result<Submitted<W>, Failed<W>>> {
        let hold = self.hold(entry.address);
        self.submit_held(entry, event, live, hold, None)
    }

    /// Carries an event through, with the caller's hold on the record and a permit that the caller waited for.
    // An async function would copy the event once more.
    pub(super) fn submit_held<'a>(
        &'a self,
        entry: Box<Entry<W>>,
        event: W::Event,
        live: Option<&'a W::Live>,
        hold: Option<Hold>,
        permit: Option<Permit>,
    ) -> impl Future<Output = Result<Submitted<W>, Failed<W>>> {
        let course = Course {
            worker: self,
            live,
            hold,
            permit,
            own: None,
            entry,
            failures: Vec::new(),
            was_asked: false,
            lost: None,
        };
        course.run(event)
    }
}

/// The result of a step.
enum Stepped<W: Workflow> {
    /// A command follows. If the step could not be stored, it undoes the plugin's work.
    Follows(W::Command),
    /// No command follows. If the step depended on the record that held the unique names, `holder` has it.
    Last { hands_out: bool, holder: Option<Box<Entry<W>>> },
}

/// How the loop continues after a step.
enum Next<W: Workflow> {
    /// The step is stored.
    Stored,
    /// The record was changed. The step is computed again.
    Again,
    /// Another record holds the unique names. The loop continues with another event.
    Taken(Box<Entry<W>>),
    /// The step is known not to be stored, and this command undoes the plugin's work.
    Undo(W::Command),
}

impl<W: Workflow> Course<'_, W> {
    async fn run(mut self, first: W::Event) -> Result<Submitted<W>, Failed<W>> {
        if let Err(stopped) = self.worker.run.check() {
            return Err(self.not_stored(stopped));
        }
        let (mut event, mut answer) = (first, None);
        for _ in 0..MAX_COMMANDS {
            let command = match self.step_and_store(&event).await? {
                Stepped::Follows(command) => command,
                Stepped::Last { hands_out, holder } => {
                    if let Some(error) = self.lost.take() {
                        return Err(self.not_stored(error));
                    }
                    let answer = answer.filter(|_| hands_out);
                    return Ok(Submitted { entry: self.entry, answer, failures: self.failures, holder });
                }
            };
            self.was_asked = true;
            let carried = self.carry_out(command).await;
            answer = carried.answer.or(answer);
            self.failures.extend(carried.failure);
            event = carried.event;
        }
        Err(self.not_stored(RecordError::Contended))
    }

    /// Computes and stores a step, and tries again while others change the record first. Callers of this run that lose
    /// such a race take turns.
    async fn step_and_store(&mut self, event: &W::Event) -> Result<Stepped<W>, Failed<W>> {
        let mut holder: Option<Box<Entry<W>>> = None;
        let mut turn = self.worker.journal.turn();
        for _ in 0..ATTEMPTS {
            // Many records may depend on the record that holds the names, so the races are for that one.
            let contended = holder.as_ref().map_or(self.entry.address, |holder| holder.address);
            turn.wait_at(contended).await;
            let taken = holder.as_ref().map(|holder| self.worker.workflow.taken(event, holder));
            let event = taken.as_ref().unwrap_or(event);
            let standing = self.worker.standing(&self.entry, self.own.as_ref(), self.hold.is_some());
            let limits = self.worker.workflow.limits();
            let mut stepped = (W::STEP)(limits, self.entry.state.as_ref(), standing, event.clone());
            let step = match stepped {
                Ok(ref mut step) => step,
                Err(error) => return Err(self.failed(FailedBecause::Refused { error, holder })),
            };
            match self.store(step, event, holder.as_deref()).await? {
                Next::Stored => {
                    let last = Stepped::Last { hands_out: step.hands_out, holder };
                    return Ok(step.command.take().map_or(last, Stepped::Follows));
                }
                Next::Undo(command) => return Ok(Stepped::Follows(command)),
                Next::Taken(taken) => holder = Some(taken),
                Next::Again => {
                    turn.lost_at(contended).await;
                    holder = None;
                    match self.worker.journal.load(self.entry.address).await {
                        Ok(current) => self.found(current),
                        Err(error) => return Err(self.not_stored(error)),
                    }
                }
            }
        }
        Err(self.not_stored(RecordError::Contended))
    }

    /// Stores a step, and moves its state to the entry.
    async fn store(
        &mut self,
        step: &mut Step<W>,
        event: &W::Event,
        holder: Option<&Entry<W>>,
    ) -> Result<Next<W>, Failed<W>> {
        let is_own = self.own.as_ref().is_some_and(|own| own.is_same(self.entry.claim.as_ref()));
        let same = step.state == self.entry.state && holder.is_none();
        if same && step.is_promised {
            self.worker.workflow.stored(&self.entry, event);
            return Ok(Next::Stored);
        }
        // If a step changes nothing, the caller's claim stays for the command, and a claim of another caller is not
        // touched.
        if same && (step.state.is_none() || step.command.is_some() == is_own) {
            return Ok(Next::Stored);
        }
        let claim = match &step.command {
            Some(command) if step.state.is_some() => {
                if self.permit.is_none() {
                    self.permit = Some(self.worker.permit(&self.entry.fixed).await);
                }
                Some(self.worker.claim(command))
            }
            _ if step.keeps_claim => self.entry.claim.clone(),
            _ => None,
        };
        let told = match (holder, &step.holder) {
            (Some(holder), Some(event)) => {
                let standing = self.worker.standing(holder, None, true);
                let limits = self.worker.workflow.limits();
                match (W::STEP)(limits, holder.state.as_ref(), standing, event.clone()) {
                    Ok(told) => Some((holder, told.state)),
                    Err(_) => return Ok(Next::Again),
                }
            }
            (holder, _) => holder.map(|holder| (holder, None)),
        };
        let note =
            match step.notes.then(|| self.worker.workflow.note(&self.entry, step.state.as_ref(), event)) {
                Some(Err(error)) => return Err(self.not_stored(error)),
                Some(Ok(note)) => note,
                None => None,
            };
        let (state, at_most) = (step.state.take(), step.at_most);
        let mut change = Change { state, claim: claim.clone(), at_most, holder: told, note };
        let applied = self.worker.journal.try_apply(&mut self.entry, &mut change).await;
        match applied {
            Ok(Applied::Stored) => {
                self.stored(step, event, claim);
                Ok(Next::Stored)
            }
            Ok(Applied::Overtaken) => Ok(Next::Again),
            Ok(Applied::Taken(holder)) => Ok(Next::Taken(holder)),
            Ok(Applied::LimitReached) => {
                let limit = step.at_most.unwrap_or_default();
                Err(self.failed(FailedBecause::LimitReached(limit)))
            }
            Err(error) => {
                step.state = change.state;
                self.look(step, event, claim, error).await
            }
        }
    }

    fn stored(&mut self, step: &Step<W>, event: &W::Event, claim: Option<Claim>) {
        if !step.keeps_claim {
            self.own = claim;
        }
        let entry = &self.entry;
        self.worker.workflow.stored(entry, event);
        let due =
            entry.state.as_ref().filter(|_| entry.claim.is_none()).map(|state| W::due(&entry.fixed, state));
        if let Some(Due::At(_)) = due {
            // The record may be due earlier than the host's loop expects.
            self.worker.run.woken.notify_one();
        }
    }

    /// Reads the record after a storage failure, since the step may have been stored.
    async fn look(
        &mut self,
        step: &Step<W>,
        event: &W::Event,
        claim: Option<Claim>,
        error: RecordError,
    ) -> Result<Next<W>, Failed<W>> {
        if self.lost.is_some() {
            return Err(self.not_stored(error));
        }
        let Ok(found) = self.worker.journal.load(self.entry.address).await else {
            // The record stays as it is. A worker takes it up when the storage engine works again.
            return Err(self.not_stored(error));
        };
        self.found(found);
        if self.entry.state == step.state && self.entry.claim == claim {
            self.stored(step, event, claim);
            return Ok(Next::Stored);
        }
        match W::undo(event) {
            Some(command) => {
                warn!(engine = W::ENGINE, error = %error.detail(), "a step could not be stored; the plugin's work is undone");
                self.lost = Some(error);
                Ok(Next::Undo(command))
            }
            None => Err(self.not_stored(error)),
        }
    }

    fn found(&mut self, found: Option<Box<Entry<W>>>) {
        match found {
            Some(found) => self.entry = found,
            None => self.entry.forget(),
        }
    }

    async fn carry_out(&mut self, command: W::Command) -> Carried<W> {
        let worker = self.worker;
        let is_long = W::is_long(&command);
        let claimed = Claimed {
            worker,
            entry: &self.entry,
            hold: self.hold.as_ref(),
            permit: Mutex::new(self.permit.take()),
        };
        let mut carried = pin!(worker.workflow.carry_out(&claimed, command, self.live));
        match &self.own {
            Some(own) if is_long => {
                let mut latest = own.clone();
                let carried = tokio::select! {
                    carried = &mut carried => carried,
                    never = worker.renew(&self.entry, &mut latest) => match never {},
                };
                self.own = Some(latest);
                carried
            }
            _ => carried.await,
        }
    }

    fn not_stored(&mut self, error: RecordError) -> Failed<W> {
        self.failed(FailedBecause::Storage(error))
    }

    fn failed(&mut self, because: FailedBecause<W>) -> Failed<W> {
        let (record, state) = (W::record_id(&self.entry), self.entry.state.clone());
        let (failures, was_asked) = (std::mem::take(&mut self.failures), self.was_asked);
        Failed { because, record, state, failures, was_asked }
    }
}

impl<W: Workflow> Worker<W> {
    /// Renews a claim each time a third of its duration has passed, while the caller owns it.
    async fn renew(&self, entry: &Entry<W>, own: &mut Claim) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(own.lasts / 3).await;
            let Ok(Some(mut current)) = self.journal.load(entry.address).await else { continue };
            if !own.is_same(current.claim.as_ref()) {
                continue;
            }
            let renewed = Claim { from: self.clock.now(), ..own.clone() };
            let change = Change { claim: Some(renewed.clone()), ..Change::to(current.state.clone()) };
            match self.journal.apply(&mut current, change).await {
                Ok(Applied::Stored) => *own = renewed,
                Ok(_) => {}
                Err(error) => warn!(engine = W::ENGINE, error = %error.detail(), "a claim was not renewed"),
            }
        }
    }
}
