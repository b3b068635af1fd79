//! The step loop: step, store, carry out, and the next step with the result.

use std::sync::Mutex;
use std::time::Duration;

use keyway_core::PluginError;
use tracing::warn;

use super::hold::Hold;
use super::worker::{Claimed, Worker};
use super::workflow::{Carried, ClaimLength, Step, Workflow};
use crate::plugin::Permit;
use crate::records::{Applied, Change, Claim, Due, Entry, RecordError};

/// How often a step is tried because another host changed the record first.
const MAX_ATTEMPTS: u32 = 64;
/// How many commands may follow from one event. The machines need three.
const MAX_COMMANDS: u32 = 64;

/// The result of an event.
pub(crate) struct Submitted<W: Workflow> {
    /// The record as it is now; without a state if it is gone.
    pub(crate) entry: Box<Entry<W>>,
    /// The plugin's answer, if the last step handed it out.
    pub(crate) answer: Option<W::Answer>,
    /// The failures of the plugin on the way, in their order.
    pub(crate) failures: Vec<W::Failure>,
    /// The record that held the unique names, if the last step was about that.
    pub(crate) holder: Option<Box<Entry<W>>>,
}

/// Why an event was not carried through.
pub(crate) struct Failed<W: Workflow> {
    pub(crate) because: FailedBecause<W>,
    /// The id of the record, as reports name it.
    pub(crate) record: String,
    /// The failures of the plugin before, in their order.
    pub(crate) failures: Vec<W::Failure>,
    /// Whether the plugin was asked for anything.
    pub(crate) was_asked: bool,
}

/// Why an event was not carried through.
pub(crate) enum FailedBecause<W: Workflow> {
    /// It does not fit the state. `holder` holds the unique names, if the refusal was about that.
    Refused { error: W::TransitionError, holder: Option<Box<Entry<W>>> },
    /// As many records as allowed are counted under its names.
    LimitReached(u64),
    /// A step could not be stored. The plugin's work was undone if the step is known not to be stored.
    Storage(RecordError),
    /// Other hosts changed the record each time.
    Contended,
    /// Another run of this host has taken over.
    Superseded,
}

/// A caller's way through the loop.
struct Course<'a, W: Workflow> {
    worker: &'a Worker<W>,
    live: Option<&'a W::Live>,
    hold: Option<Hold>,
    /// A permit that was waited for and is not used yet.
    permit: Option<Permit>,
    /// The claim that this caller made.
    own: Option<Claim>,
    entry: Box<Entry<W>>,
    failures: Vec<W::Failure>,
    was_asked: bool,
    /// Set when a step could not be stored and is being undone.
    lost: Option<RecordError>,
}

impl<W: Workflow> Worker<W> {
    /// Carries an event through: steps, stores and carries out until no command is left.
    ///
    /// An answer of the plugin is handed out only by the step that stored it. When the storage engine
    /// fails, the record is looked at first, and only what is known not to be stored is undone.
    ///
    /// `hold` is the caller's hold on the record; without one the machine is told that another caller
    /// works on it.
    ///
    /// Dropping the future leaves the record claimed at most; the claim ends with its time, and a
    /// worker takes the record up.
    pub(crate) async fn submit(
        &self,
        entry: Box<Entry<W>>,
        event: W::Event,
        live: Option<&W::Live>,
        hold: Option<Hold>,
        permit: Option<Permit>,
    ) -> Result<Submitted<W>, Failed<W>> {
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
        course.run(event).await
    }
}

/// A step that is stored, with the record that held the unique names if the step was about that; or
/// what undoes the plugin's work because the step could not be stored.
enum Stepped<W: Workflow> {
    Stored(Step<W>, Option<Box<Entry<W>>>),
    Undo(W::Command),
}

/// The way on after a step.
enum Next<W: Workflow> {
    /// The step is stored.
    Stored,
    /// The record changed: step again.
    Again,
    /// Another record holds the unique names: step with another event.
    Taken(Box<Entry<W>>),
    /// The step is known not to be stored, and this undoes what the plugin did.
    Undo(W::Command),
}

impl<W: Workflow> Course<'_, W> {
    async fn run(mut self, first: W::Event) -> Result<Submitted<W>, Failed<W>> {
        if self.worker.run.is_superseded() {
            return Err(self.failed(FailedBecause::Superseded));
        }
        let (mut event, mut answer) = (first, None);
        for _ in 0..MAX_COMMANDS {
            let command = match self.step_and_store(&event).await? {
                Stepped::Stored(Step { command: Some(command), .. }, _) | Stepped::Undo(command) => command,
                Stepped::Stored(step, holder) => {
                    if let Some(error) = self.lost.take() {
                        return Err(self.failed(FailedBecause::Storage(error)));
                    }
                    let answer = answer.filter(|_| step.hands_out);
                    return Ok(Submitted { entry: self.entry, answer, failures: self.failures, holder });
                }
            };
            self.was_asked = true;
            let carried = self.carry_out(command).await;
            answer = carried.answer.or(answer);
            self.failures.extend(carried.failure);
            event = carried.event;
        }
        Err(self.failed(FailedBecause::Contended))
    }

    /// Steps and stores, again as long as others are first.
    async fn step_and_store(&mut self, event: &W::Event) -> Result<Stepped<W>, Failed<W>> {
        let mut holder: Option<Box<Entry<W>>> = None;
        for _ in 0..MAX_ATTEMPTS {
            let event = match &holder {
                Some(holder) => self.worker.workflow.taken(event, holder),
                None => event.clone(),
            };
            let standing = self.worker.standing(&self.entry, self.own.as_ref(), self.hold.is_some());
            let policy = self.worker.workflow.policy();
            let step = match W::step(policy, self.entry.state.as_ref(), standing, event.clone()) {
                Ok(step) => step,
                Err(error) => return Err(self.failed(FailedBecause::Refused { error, holder })),
            };
            match self.store(&step, &event, holder.as_deref()).await? {
                Next::Stored => return Ok(Stepped::Stored(step, holder)),
                Next::Undo(command) => return Ok(Stepped::Undo(command)),
                Next::Taken(taken) => holder = Some(taken),
                Next::Again => {
                    holder = None;
                    match self.worker.journal.reload(&self.entry).await {
                        Ok(Some(current)) => self.entry = current,
                        Ok(None) => self.entry.forget(),
                        Err(error) => return Err(self.failed(FailedBecause::Storage(error))),
                    }
                }
            }
        }
        Err(self.failed(FailedBecause::Contended))
    }

    async fn store(
        &mut self,
        step: &Step<W>,
        event: &W::Event,
        holder: Option<&Entry<W>>,
    ) -> Result<Next<W>, Failed<W>> {
        let is_own = self.own.is_some() && self.entry.claim == self.own;
        let same = step.state == self.entry.state && holder.is_none();
        // A step that changes nothing keeps the caller's claim for a command, and leaves another's alone.
        if same && (step.state.is_none() || step.command.is_some() == is_own) {
            return Ok(Next::Stored);
        }
        let claim = match &step.command {
            Some(command) if step.state.is_some() => {
                if self.permit.is_none() {
                    let lane = W::lane(&self.entry.fixed);
                    self.permit = Some(self.worker.workflow.permit(lane).await);
                }
                let lasts = self.worker.workflow.claim_lasts(command).duration();
                Some(self.worker.claim(lasts))
            }
            _ => None,
        };
        let told = match (holder, &step.holder) {
            (Some(holder), Some(event)) => {
                let standing = self.worker.standing(holder, None, true);
                let policy = self.worker.workflow.policy();
                match W::step(policy, holder.state.as_ref(), standing, event.clone()) {
                    Ok(told) => Some((holder, told.state)),
                    Err(_) => return Ok(Next::Again),
                }
            }
            (holder, _) => holder.map(|holder| (holder, None)),
        };
        let change =
            Change { state: step.state.clone(), claim: claim.clone(), at_most: step.at_most, holder: told };
        match self.worker.journal.apply(&mut self.entry, change).await {
            Ok(Applied::Stored) => {
                self.stored(claim);
                Ok(Next::Stored)
            }
            Ok(Applied::Overtaken) => Ok(Next::Again),
            Ok(Applied::Taken(holder)) => Ok(Next::Taken(holder)),
            Ok(Applied::LimitReached) => {
                let limit = step.at_most.unwrap_or_default();
                Err(self.failed(FailedBecause::LimitReached(limit)))
            }
            Err(error) => self.look(step, event, claim, error).await,
        }
    }

    fn stored(&mut self, claim: Option<Claim>) {
        self.own = claim;
        let entry = &self.entry;
        let due =
            entry.state.as_ref().filter(|_| entry.claim.is_none()).map(|state| W::due(&entry.fixed, state));
        if let Some(Due::At(_)) = due {
            // It may be due earlier than the loop of the host knows.
            self.worker.run.woken.notify_one();
        }
    }

    /// The storage engine failed. The step may be stored all the same.
    async fn look(
        &mut self,
        step: &Step<W>,
        event: &W::Event,
        claim: Option<Claim>,
        error: RecordError,
    ) -> Result<Next<W>, Failed<W>> {
        if self.lost.is_some() {
            return Err(self.failed(FailedBecause::Storage(error)));
        }
        let Ok(found) = self.worker.journal.reload(&self.entry).await else {
            // The record stays as it is, and is taken up when the storage engine is back.
            return Err(self.failed(FailedBecause::Storage(error)));
        };
        let (state, stored_claim) =
            found.as_ref().map_or((None, None), |found| (found.state.as_ref(), found.claim.as_ref()));
        if state == step.state.as_ref() && stored_claim == claim.as_ref() {
            match found {
                Some(found) => self.entry = found,
                None => self.entry.forget(),
            }
            self.stored(claim);
            return Ok(Next::Stored);
        }
        match found {
            Some(found) => self.entry = found,
            None => self.entry.forget(),
        }
        match W::undo(event) {
            Some(command) => {
                warn!(engine = W::ENGINE, error = %error.detail(), "a step could not be stored; what the plugin did is undone");
                self.lost = Some(error);
                Ok(Next::Undo(command))
            }
            None => Err(self.failed(FailedBecause::Storage(error))),
        }
    }

    async fn carry_out(&mut self, command: W::Command) -> Carried<W> {
        let worker = self.worker;
        let length = worker.workflow.claim_lasts(&command);
        let claimed = Claimed {
            worker,
            entry: &self.entry,
            hold: self.hold.as_ref(),
            permit: Mutex::new(self.permit.take()),
        };
        let carried = worker.workflow.carry_out(&claimed, command, self.live);
        match (length, &self.own) {
            (ClaimLength::Renewed(lasts), Some(own)) => {
                let mut latest = own.clone();
                let carried = tokio::select! {
                    carried = carried => carried,
                    never = worker.renew(&self.entry, &mut latest, lasts) => match never {},
                };
                self.own = Some(latest);
                carried
            }
            _ => carried.await,
        }
    }

    fn failed(&mut self, because: FailedBecause<W>) -> Failed<W> {
        let record = W::record_id(&self.entry);
        Failed { because, record, failures: std::mem::take(&mut self.failures), was_asked: self.was_asked }
    }
}

impl<W: Workflow> Worker<W> {
    /// Renews a claim at a third of its time, for as long as it is the caller's.
    async fn renew(&self, entry: &Entry<W>, own: &mut Claim, lasts: Duration) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(lasts / 3).await;
            let Ok(Some(mut current)) = self.journal.reload(entry).await else { continue };
            if current.claim.as_ref() != Some(own) {
                continue;
            }
            let renewed = self.claim(lasts);
            let change = Change {
                state: current.state.clone(),
                claim: Some(renewed.clone()),
                at_most: None,
                holder: None,
            };
            match self.journal.apply(&mut current, change).await {
                Ok(Applied::Stored) => *own = renewed,
                Ok(_) => {}
                Err(error) => warn!(engine = W::ENGINE, error = %error.detail(), "a claim was not renewed"),
            }
        }
    }
}
