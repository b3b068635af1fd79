//! Defines the life of a session at one credential store as a pure state machine.
//!
//! ```text
//!          fetch             found               accepted              at once, or at the end
//! (none) ───────► Asked ─────────────► Held ─────────────► Held, proven ───────────┐
//!                  │  │                  │ next fetch, not accepted,               ▼
//!      none found  │  │ unclear, or      │ the lease ends, end, host lost,  ┌─ Returning ◄─┐
//!   (forgotten) ◄──┘  ▼ the host died    │ forced                           │      │       │ failed:
//!               Unsettled ───────────────┼─────────────────────────────────►│      └───────┘ again later
//!                  │ cannot be known     └─────────────────────────────────►│
//!                  ▼                                                        ▼
//!              Undecided ── decided ──► (forgotten), or Returning        Returned
//! ```
//!
//! Each event changes what the host owes the store: notices, check-ins, and answers about fetches. Then [`proceed`]
//! chooses the next call that is due. So every path through the states leads to the same check-ins, and after a restart
//! the host continues from the last stored step.
//!
//! If a caller that lost its claim reports a result, only two kinds of facts count: facts about a lease, and the fact
//! that the store was told of an event. Everything else is ignored, because the caller knows only of its own call.

use keyway_core::Timestamp;
use keyway_credentials::{Candidate, CheckInReason, CheckInTrigger, Holder, Lease, MAX_CHECK_OUTS, Rotation};

use super::changes::{
    add_read, authenticated, begin, decide, drop_beyond_limit, drop_stale_repetitions, force,
    forget_returned, found, give_back, give_up, not_returned, put_off_resolving, renewed_lease, resolved,
    returned, settle_interrupted, take_back, told, unclear,
};
use super::lease_times::return_at;
use super::state::{CheckOut, CheckOutId, Data, FetchStage, Notice, OpenFetch, Owed, SessionState, Stage};
use super::workflow::SessionWorkflow;
use crate::records::NameTag;
use crate::work::{Again, Limits, Standing};

type Step = crate::work::Step<SessionWorkflow>;

/// Something that happened to a session.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(super) now: Timestamp,
    /// Whether the host can settle a fetch with an unknown outcome: by asking the store about it, or by repeating it.
    pub(super) resolves: bool,
    /// The data of the plugin after a call.
    pub(super) data: Option<Data>,
    /// Whether the caller knows that the session had a record. If that record is gone, the session has ended.
    pub(super) continues: bool,
    pub(super) what: What,
}

/// Things that happen to a session.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A caller asks for credentials. `again` tells whether the fetch may repeat an earlier one, because the store is
    /// idempotent.
    Fetch { fetch: OpenFetch, again: bool },
    /// The target accepted the credentials.
    AuthenticationCompleted { trigger: CheckInTrigger, read: Vec<CheckOut> },
    /// The target did not accept the credentials.
    AuthenticationFailed,
    /// The session ends. `recovers` tells whether a restart of the host would also end the session if this event were
    /// lost.
    End { read: Vec<CheckOut>, recovers: bool },
    /// The host that had the session is gone.
    HostLost,
    /// An operator takes a lease back.
    Force { id: CheckOutId, by: Holder },
    /// An operator gives a lease up, without asking the store.
    Forget { id: CheckOutId, by: Holder },
    /// A person found out whether an undecided fetch has made a check-out.
    Decide { fetch: NameTag, made: Option<(Candidate, Lease)>, by: Holder },
    /// A worker carries out due work.
    Wake,

    /// The store gave credentials.
    Found { check_out: CheckOut, renews: bool },
    /// The store holds no lease for this fetch: it has no credentials or, if `failed` is set, it failed.
    NothingFound { fetch: NameTag, failed: bool },
    /// It is unknown whether the store holds a lease for this fetch. `last` is the number of the last candidate that
    /// was asked for, if a search reports it.
    Unclear { fetch: NameTag, again: Again, last: Option<u16> },
    /// The store was asked about a fetch, and holds these leases for it. If candidates are left to ask about, `settled`
    /// is the number of the last one before them. `again` is present if the store refused to answer about one of them.
    Resolved { fetch: NameTag, held: Vec<CheckOut>, settled: Option<u16>, again: Option<Again> },
    /// The store was asked about a fetch, and cannot tell.
    CannotTell { fetch: NameTag },
    /// The store took a lease back, or failed to.
    CheckIn { check_out: CheckOut, taken_back: Result<Rotation, Again> },
    /// The store renewed a lease, or failed to. `is_unclear` is set if a failed renewal may have had an effect.
    Renewal { check_out: CheckOut, renewed: Result<Lease, Again>, is_unclear: bool },
    /// The store was told of an event, or the call failed.
    Told { what: Told, failed: Option<Again> },
}

/// The events that a store is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The authentication was completed. The number counts the completions.
    Authenticated(u32),
    Ended,
}

/// A call of the store.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Search(OpenFetch),
    Resolve(OpenFetch),
    CheckIn(CheckOut),
    Renew(CheckOut),
    /// Tell the store of an event, with the check-outs that it concerns.
    Tell(Told, Vec<CheckOut>),
}

/// The reason why a call does not fit the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// There is no such session at this store.
    #[error("there is no such session at this credential store")]
    NoSession,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// A call for the session is being worked on.
    #[error("another call for this session is being worked on: try again when it has ended")]
    InFlight,
    /// The fetch was made before. It is over, or the store is not idempotent.
    #[error("this fetch was made before: make another, by a new call id")]
    Repeated,
    /// The session holds as many check-outs as it may.
    #[error(
        "the session holds {MAX_CHECK_OUTS} check-outs already: end it, or wait until they are checked in"
    )]
    TooMany,
    /// The session has no such check-out, or no such undecided fetch.
    #[error("the session has no such check-out")]
    NoCheckOut,
    /// The same fetch was made before, and has no clear answer yet.
    #[error(
        "an earlier call of this fetch has no clear answer yet: make another; what it checked out is returned"
    )]
    Unsettled,
}

/// Computes the step that an event causes in this state; `None` is a session without a record at the store.
///
/// # Errors
/// A transition error leaves everything unchanged.
pub(crate) fn step(
    limits: &Limits,
    state: Option<&SessionState>,
    standing: Standing,
    event: Event,
) -> Result<Step, TransitionError> {
    let Event { now, resolves, data, continues, what } = event;
    let mut next = match state {
        Some(state) => state.clone(),
        None if what.brings_lease() => SessionState { ended: Notice::Done, ..SessionState::default() },
        None if what.is_result() => return Ok(Step::gone()),
        None if continues && matches!(what, What::End { .. }) => return Ok(Step::gone()),
        None if continues => return Err(TransitionError::Ended),
        None if what.begins() => SessionState::default(),
        None => return Err(TransitionError::NoSession),
    };
    let (is_result, is_lost) = (what.is_result(), matches!(what, What::HostLost));
    if let Some(data) = data.filter(|data| data.calls >= next.data.calls) {
        next.data = data;
    }
    if !is_result && standing == Standing::Free {
        settle_interrupted(&mut next, now, resolves);
    }
    if standing == Standing::Free && what.needs_no_intent(state) {
        let told = next.check_outs.clone();
        return Ok(Step::to(next).then(Command::Tell(Told::Ended, told)).promised());
    }
    let hands_out = apply(limits, &mut next, (now, resolves, standing), what)?;
    forget_returned(&mut next);
    Ok(match standing {
        // The caller gets its answer now. A worker carries out the calls that are due, so that the caller need not wait
        // for them.
        _ if hands_out => Step::to(next).handing_out(),
        // When a host is lost, many sessions are lost at once, so the lanes carry out the calls of these sessions.
        _ if is_lost && standing != Standing::Others => Step::to(next),
        // The caller that has the claim carries out the due calls.
        Standing::Others => Step::to(next).beside(),
        _ => proceed(next, now),
    })
}

impl What {
    /// Tells whether the notice of the end needs no stored intent of its own, because the record serves as the intent.
    /// This requires that a restart of the host would make the same call with the same id, and that the session owes
    /// and holds nothing else (decision H222).
    fn needs_no_intent(&self, stored: Option<&SessionState>) -> bool {
        let (Self::End { read, recovers: true }, Some(stored)) = (self, stored) else { return false };
        read.is_empty()
            && stored.ended == Notice::NotDue
            && !matches!(stored.authenticated, Notice::Owed(_))
            && stored.taken() == 0
    }

    /// Tells whether the event can be the first event of a session at a store.
    fn begins(&self) -> bool {
        matches!(self, Self::Fetch { .. } | Self::AuthenticationCompleted { .. } | Self::End { .. })
    }

    /// Tells whether the event is a result with a lease, which must not be lost even if the session is gone.
    fn brings_lease(&self) -> bool {
        match self {
            Self::Found { check_out, .. } => check_out.lease.is_some(),
            Self::CheckIn { taken_back, .. } => taken_back.is_err(),
            Self::Renewal { renewed, .. } => renewed.is_ok(),
            Self::Resolved { held, .. } => !held.is_empty(),
            _ => false,
        }
    }

    /// Tells whether the event is the result of a command.
    fn is_result(&self) -> bool {
        !matches!(
            self,
            Self::Fetch { .. }
                | Self::AuthenticationCompleted { .. }
                | Self::AuthenticationFailed
                | Self::End { .. }
                | Self::HostLost
                | Self::Force { .. }
                | Self::Forget { .. }
                | Self::Decide { .. }
                | Self::Wake
        )
    }
}

/// Applies an event to the calls that the host owes the store. Returns whether the caller gets the store's answer.
fn apply(
    limits: &Limits,
    next: &mut SessionState,
    (now, resolves, standing): (Timestamp, bool, Standing),
    what: What,
) -> Result<bool, TransitionError> {
    let (ours, others) = (standing == Standing::Ours, standing == Standing::Others);
    match what {
        What::Fetch { .. } | What::Wake | What::Decide { .. } if others => {
            return Err(TransitionError::InFlight);
        }
        What::Fetch { fetch, again } => begin(next, now, fetch, again)?,
        What::AuthenticationCompleted { trigger, read } => authenticated(next, now, trigger, read)?,
        What::AuthenticationFailed => {
            let failed = |out: &CheckOut| (!out.is_proven).then_some(CheckInReason::AuthenticationFailed);
            take_back(next, now, failed);
        }
        What::End { read, .. } => {
            if next.ended == Notice::NotDue {
                add_read(next, read);
                next.ended = Notice::Owed(Owed::from(now));
            }
            let used = |out: &CheckOut| {
                Some(if out.is_proven { CheckInReason::Used } else { CheckInReason::Unused })
            };
            take_back(next, now, used);
        }
        What::HostLost => {
            if next.ended == Notice::NotDue {
                next.ended = Notice::Owed(Owed::from(now));
            }
            take_back(next, now, |_| Some(CheckInReason::HostLost));
        }
        What::Force { id, by } => force(next, now, id, by)?,
        What::Forget { id, .. } => give_up(next, id)?,
        What::Decide { fetch, made, .. } => decide(next, now, fetch, made)?,

        What::Found { check_out, renews } => {
            let longest = renews.then_some(limits.longest_lease);
            return Ok(found(next, now, standing, check_out, longest));
        }
        What::NothingFound { fetch, .. } if ours => {
            next.fetches.retain(|open| open.id != fetch);
            return Ok(true);
        }
        What::Unclear { fetch, again, last } if ours => unclear(limits, next, fetch, (again, last), resolves),
        What::Resolved { fetch, held, settled, again } => {
            if ours {
                resolved(limits, next, now, fetch, (settled, again), resolves);
            }
            for check_out in held {
                give_back(next, now, check_out, CheckInReason::HostLost);
            }
        }
        What::CannotTell { fetch } if ours => {
            for open in next.fetches.iter_mut().filter(|open| open.id == fetch) {
                open.stage = FetchStage::Undecided;
            }
        }
        What::CheckIn { check_out, taken_back: Ok(_) } => returned(next, &check_out),
        What::CheckIn { check_out, taken_back: Err(again) } => not_returned(limits, next, &check_out, again),
        What::Renewal { check_out, renewed, is_unclear } => {
            renewed_lease(limits, next, now, check_out, renewed, is_unclear);
        }
        What::Told { what, failed }
            if ours || failed.is_none() || (what == Told::Ended && !next.is_ended()) =>
        {
            told(limits, next, now, what, failed);
        }
        What::Wake
        | What::NothingFound { .. }
        | What::Unclear { .. }
        | What::CannotTell { .. }
        | What::Told { .. } => {}
    }
    Ok(false)
}

fn is_over(state: &SessionState) -> bool {
    state.ended == Notice::Done && !matches!(state.authenticated, Notice::Owed(_)) && state.taken() == 0
}

/// Chooses the next due call to the store. The order is: the notice of an authentication, the calls that check in
/// leases or resolve unsettled fetches, the notice of the end, the call that a caller waits for, and then renewals.
fn proceed(mut next: SessionState, now: Timestamp) -> Step {
    for out in &mut next.check_outs {
        let ends = out.lease.as_ref().and_then(|lease| return_at(lease, out.term));
        if matches!(out.stage, Stage::Held { .. }) && ends.is_some_and(|ends| ends <= now) {
            out.stage = Stage::Returning { reason: CheckInReason::Expired, owed: Owed::from(now) };
        }
    }
    let is_due = |owed: &Owed| owed.next <= now;
    if matches!(&next.authenticated, Notice::Owed(owed) if is_due(owed)) {
        let proven = |out: &&CheckOut| out.is_proven && out.stage != Stage::Returned;
        let told: Vec<CheckOut> = next.check_outs.iter().filter(proven).cloned().collect();
        let command = Command::Tell(Told::Authenticated(next.authentications), told);
        return Step::to(next).then(command);
    }
    let returning = |out: &&CheckOut| matches!(&out.stage, Stage::Returning { owed, .. } if is_due(owed));
    if let Some(out) = next.check_outs.iter().find(returning).cloned() {
        // A renewal may have changed the id of the lease, so the host first finds out the outcome of the renewal.
        let command = if out.is_renewing { Command::Renew(out) } else { Command::CheckIn(out) };
        return Step::to(next).then(command);
    }
    put_off_resolving(&mut next);
    let unsettled = |open: &&OpenFetch| matches!(&open.stage, FetchStage::Unsettled(owed) if is_due(owed));
    if let Some(open) = next.fetches.iter().find(unsettled).cloned() {
        return Step::to(next).then(Command::Resolve(open));
    }
    if matches!(&next.ended, Notice::Owed(owed) if is_due(owed)) {
        let told = next.check_outs.clone();
        return Step::to(next).then(Command::Tell(Told::Ended, told));
    }
    drop_stale_repetitions(&mut next);
    drop_beyond_limit(&mut next);
    if let Some(open) = next.fetches.iter_mut().find(|open| open.stage == FetchStage::Pending) {
        open.stage = FetchStage::Asked;
        let open = open.clone();
        return Step::to(next).then(Command::Search(open));
    }
    let renewing =
        |out: &&mut CheckOut| matches!(&out.stage, Stage::Held { renew: Some(owed) } if is_due(owed));
    if let Some(out) = next.check_outs.iter_mut().find(renewing) {
        out.is_renewing = true;
        let out = out.clone();
        return Step::to(next).then(Command::Renew(out));
    }
    if is_over(&next) { Step::gone() } else { Step::to(next) }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "machine_properties.rs"]
mod properties;
