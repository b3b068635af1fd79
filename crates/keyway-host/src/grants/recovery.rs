//! Going on with what was cut short, and trying again what failed.

use std::time::Duration;

use keyway_core::{PluginError, Timestamp};
use keyway_issuers::{IntendedEffect, Reconciled, Reconciliation, State, UserId};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::warn;

use super::driver::{Grants, InHand, MAX_ATTEMPTS, Working, check_state, jitter, random};
use super::error::GrantsError;
use super::id::GrantId;
use super::lease::Meeting;
use super::ledger::{Changed, Entry};
use super::machine::{Decision, Doubt, Event, Phase, Refusal};
use super::outcome::{Grant, WorkOutcome, Worked};
use super::owner::Owner;
use super::service::RunningService;
use crate::sealed_places::Mark;
use crate::sealed_records::RecordError;

/// How many grants a worker takes up in one call.
const BATCH: usize = 128;
/// After what time a grant is looked at again whose service is gone or disabled.
const POSTPONED: Duration = Duration::from_secs(600);
/// How many plugins a worker asks at a time, so that one that hangs holds up no other.
const AT_A_TIME: usize = 8;

impl Grants {
    /// Goes on with everything that was cut short: requests of which the answer is not stored,
    /// revocations that were under way. Call it when the host starts, before it takes requests.
    ///
    /// A plugin that can tell is asked what became of a request; otherwise the grant becomes
    /// [indeterminate](Phase::Indeterminate) and stays listed until somebody
    /// [decides](Self::decide). What cannot be settled is answered with the reason and stays
    /// listed: nothing is forgotten.
    ///
    /// What an earlier run of this host held is taken over at once if the host has a
    /// [name](super::GrantsBuilder::host_name). What another host holds is
    /// [left to it](WorkOutcome::InOtherHands) until its lease ran out, which
    /// [`run_due`](Self::run_due) finds out.
    ///
    /// # Errors
    /// [`GrantsError::Record`] when the records cannot be read at all.
    ///
    /// # Cancel safety
    /// It can be dropped and called again.
    pub async fn recover(&self) -> Result<Vec<Worked>, GrantsError> {
        let open = self.inner.ledger.open_work().await?;
        Ok(self.work(open, self.inner.clock.now()).await)
    }

    /// Takes up what is due at `now`: revocations that failed before, requests whose outcome
    /// is to be asked for, and what another host left behind. Call it again and again, every
    /// few seconds; at most 128 grants are taken up in one call. It also begins to ask plugins to
    /// describe themselves whose description is [old](super::GrantLimits::describe_every)
    /// (decision W4), and does not wait for their answers: those are taken over when they come.
    ///
    /// Several hosts may do so on one storage engine. Each begins at a random place among
    /// what is due, claims a grant before it asks the plugin, and leaves alone what
    /// another has claimed, until it has seen that claim unchanged for as long as it lasts, on
    /// its own monotonic clock (decision R5).
    ///
    /// # Errors
    /// [`GrantsError::Record`] when the records cannot be read at all.
    ///
    /// # Cancel safety
    /// It can be dropped and called again.
    pub async fn run_due(&self, now: Timestamp) -> Result<Vec<Worked>, GrantsError> {
        // Nobody's work waits for a plugin that is slow to describe itself.
        self.describe_old(now).detach_all();
        let mut due = self.inner.ledger.due(now, BATCH).await?;
        if !due.is_empty() {
            let start = usize::from(u16::from_le_bytes(random()?)) % due.len();
            due.rotate_left(start);
        }
        Ok(self.work(due, now).await)
    }

    /// The grants of all users that wait for somebody's decision: those of which nobody knows
    /// whether there is a credential, and those whose revocation failed as often as it is tried.
    ///
    /// # Errors
    /// [`GrantsError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn undecided(&self) -> Result<Vec<Grant>, GrantsError> {
        let mut grants = Vec::new();
        for (user, id) in self.inner.ledger.waiting().await? {
            if let Some(entry) = self.inner.ledger.load(&user, id).await? {
                let user = self.inner.ledger.owner(&entry)?.user;
                grants.push(Grant::of(&entry, user));
            }
        }
        Ok(grants)
    }

    /// Decides what nobody but a person can know, after looking at the service behind the
    /// plugin. [`Decision::NothingThere`] forgets the grant, whatever its phase, except while
    /// it is being worked on; [`Decision::Made`] makes an indeterminate grant one that can be
    /// revoked.
    ///
    /// # Errors
    /// [`Refusal::NoGrant`], [`Refusal::InFlight`], [`Refusal::BeingRevoked`],
    /// [`Refusal::NothingToDo`]; [`GrantsError::StateTaken`] when a grant has the state.
    ///
    /// # Cancel safety
    /// A dropped future leaves the grant decided or as it was.
    pub async fn decide(
        &self,
        user: &UserId,
        grant: GrantId,
        decision: Decision,
    ) -> Result<Option<Grant>, GrantsError> {
        let ledger = &self.inner.ledger;
        let mut entry = ledger.load(&ledger.user_mark(user), grant).await?.ok_or(Refusal::NoGrant)?;
        let _in_hand = self.take_in_hand(grant).ok_or(Refusal::InFlight)?;
        if !self.may_take(&entry) {
            return Err(Refusal::InFlight.into());
        }
        if let Decision::Made(state) = &decision {
            check_state(state, &[]).map_err(Refusal::Parameters)?;
        }
        let now = self.inner.clock.now();
        match self.advance(&mut entry, Event::Decide { now, decision: decision.clone() }).await? {
            Changed::Stored => Ok(Some(Grant::of(&entry, user.clone()))),
            Changed::Removed => Ok(None),
            Changed::Overtaken => Err(Refusal::InFlight.into()),
            Changed::Taken => match decision {
                Decision::Made(state) => {
                    let twin = ledger.with_state(&entry, &state).await?;
                    Err(GrantsError::StateTaken { grant: twin.map_or(grant, |twin| twin.id) })
                }
                Decision::NothingThere => Err(Refusal::InFlight.into()),
            },
        }
    }

    async fn work(&self, grants: Vec<(Mark, GrantId)>, now: Timestamp) -> Vec<Worked> {
        let begun = Instant::now();
        let mut running = JoinSet::new();
        let mut worked = Vec::new();
        for (user, id) in grants {
            if running.len() >= AT_A_TIME
                && let Some(Ok(Some(done))) = running.join_next().await
            {
                worked.push(done);
            }
            let engine = self.clone();
            running.spawn(async move { engine.work_on(&user, id, now).await });
        }
        while let Some(done) = running.join_next().await {
            // The work contains no panic of a plugin's, so one that is lost here is our own.
            worked.extend(done.ok().flatten());
        }
        self.sightings().forget_ended(begun, Instant::now());
        worked
    }

    /// Takes up one grant. `None` when there is nothing to be done about it now.
    async fn work_on(&self, user: &Mark, id: GrantId, now: Timestamp) -> Option<Worked> {
        let in_hand = self.take_in_hand(id);
        let ledger = &self.inner.ledger;
        let read = async {
            let Some(entry) = ledger.load(user, id).await? else { return Ok(None) };
            let owner = ledger.owner(&entry)?;
            Ok::<_, RecordError>(Some((entry, owner)))
        };
        let (entry, owner) = match read.await {
            Ok(read) => read?,
            Err(error) => {
                warn!(grant = %id, error = %error.detail(), "a grant cannot be read");
                return None;
            }
        };
        let grant = Grant::of(&entry, owner.user.clone());
        let state = &entry.record.state;
        let outcome = match (state.phase, &state.lease, state.next) {
            (Phase::Granted, _, _) => return None,
            (Phase::Indeterminate, _, _) | (Phase::Revoking | Phase::Intended, None, None) => {
                WorkOutcome::WaitsForDecision
            }
            (_, None, Some(next)) if next > now => return None,
            _ => match in_hand.filter(|_| self.may_take(&entry)) {
                None => WorkOutcome::InOtherHands,
                Some(in_hand) => {
                    let done = self.take_up(&in_hand, entry, &owner, now).await;
                    done.unwrap_or_else(WorkOutcome::Failed)
                }
            },
        };
        Some(Worked { grant, outcome })
    }

    async fn take_up(
        &self,
        in_hand: &InHand,
        mut entry: Box<Entry>,
        owner: &Owner,
        now: Timestamp,
    ) -> Result<WorkOutcome, GrantsError> {
        let running = match self.inner.services.get(&entry.record.service) {
            None => Err(Refusal::NoService),
            Some(running) if running.issuer.is_none() || running.ready().configuration.is_none() => {
                Err(Refusal::Disabled)
            }
            Some(running) => Ok(running),
        };
        let running = match running {
            Ok(running) => running,
            Err(refusal) => {
                self.advance(&mut entry, Event::Postponed { until: now.plus(POSTPONED) }).await?;
                return Err(refusal.into());
            }
        };
        let reconciles = running.issuer.as_ref().is_some_and(|issuer| issuer.capabilities().reconciles);
        let working = (in_hand.clone(), running.place().await);
        let now = self.inner.clock.now().max(now);
        let claim = Event::Claim { lease: self.lease(now), now, reconciles };
        if self.advance(&mut entry, claim).await? != Changed::Stored {
            return Ok(WorkOutcome::InOtherHands);
        }
        match entry.record.state.phase {
            Phase::Indeterminate => Ok(WorkOutcome::WaitsForDecision),
            Phase::Granted => Ok(WorkOutcome::Settled(Some(Phase::Granted))),
            Phase::Intended => self.reconcile(running, working, entry, owner).await,
            Phase::Revoking => {
                let context = owner.context()?;
                self.carry_out_revocation(running, &working, entry, context).await?;
                Ok(WorkOutcome::Settled(None))
            }
        }
    }

    /// Asks the plugin what became of a request (decision R2).
    async fn reconcile(
        &self,
        running: &RunningService,
        working: Working,
        mut entry: Box<Entry>,
        owner: &Owner,
    ) -> Result<WorkOutcome, GrantsError> {
        let ready = running.ready();
        let (Some(issuer), Some(configuration)) = (&running.issuer, &ready.configuration) else {
            return Err(Refusal::Disabled.into());
        };
        let mut context = owner.context()?;
        context.configuration = configuration.clone();
        context.intent = Some(entry.id.intent());
        let question = Reconciliation::new(context, IntendedEffect::Request);
        let answer = issuer.reconcile(question, working).await;
        let now = self.inner.clock.now();
        match answer {
            Ok(Reconciled::NothingHappened | Reconciled::Destroyed) => {
                let left = self.settle(entry, &Event::NothingMade).await?;
                Ok(left.map_or(WorkOutcome::Settled(None), |_| WorkOutcome::InOtherHands))
            }
            Ok(Reconciled::Made(state)) if check_state(&state, &[]).is_ok() => {
                self.found(running, entry, state).await
            }
            Ok(_) => {
                let event = Event::Unanswered { now, doubt: Doubt::PluginCannotTell, reconcile_at: None };
                self.advance(&mut entry, event).await?;
                Ok(WorkOutcome::WaitsForDecision)
            }
            Err(error) => {
                let (failures, since) = (entry.record.state.failures + 1, entry.record.state.since);
                let retries = &self.inner.limits.retries;
                let reconcile_at = retries.next(since, now, failures, error.kind().retry_after(), jitter());
                let grant = entry.id;
                let event = Event::Unanswered { now, doubt: Doubt::NotReconciled, reconcile_at };
                self.advance(&mut entry, event).await?;
                Ok(WorkOutcome::Failed(GrantsError::Uncertain { grant, error }))
            }
        }
    }

    /// The plugin says that the request made a credential with this state.
    async fn found(
        &self,
        running: &RunningService,
        mut entry: Box<Entry>,
        state: State,
    ) -> Result<WorkOutcome, GrantsError> {
        for _ in 0..MAX_ATTEMPTS {
            let event =
                Event::Issued { now: self.inner.clock.now(), credential: state.clone(), values_lost: true };
            match self.advance(&mut entry, event).await? {
                Changed::Stored => return Ok(WorkOutcome::Settled(Some(Phase::Granted))),
                Changed::Removed => return Ok(WorkOutcome::Settled(None)),
                Changed::Taken => match self.settle_taken(running, &entry, &state, None).await? {
                    Some(Ok(_)) => return Ok(WorkOutcome::Settled(None)),
                    Some(Err(error)) => return Ok(WorkOutcome::Failed(error)),
                    None => {}
                },
                Changed::Overtaken => {}
            }
            match self.inner.ledger.again(&entry).await? {
                Some(current) => entry = current,
                None => return Ok(WorkOutcome::Settled(None)),
            }
        }
        Err(GrantsError::Contended { attempts: MAX_ATTEMPTS })
    }

    /// Whether this run may work on the grant, as far as leases go. It must have it in hand.
    pub(super) fn may_take(&self, entry: &Entry) -> bool {
        let Some(lease) = &entry.record.state.lease else { return true };
        let may_be_taken = |unchanged_for| {
            lease.may_be_taken(&Meeting { worker: &self.inner.holder, in_hand: false, unchanged_for })
        };
        if may_be_taken(Duration::ZERO) {
            return true;
        }
        let now = Instant::now();
        may_be_taken(self.sightings().unchanged_for(entry.id, entry.revision, lease.lasts, now))
    }

    fn sightings(&self) -> std::sync::MutexGuard<'_, super::lease::Sightings> {
        self.inner.sightings.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
