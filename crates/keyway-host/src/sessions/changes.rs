//! Computes how events change the calls that the host owes a store.

use std::time::Duration;

use keyway_core::Timestamp;
use keyway_credentials::{
    Candidate, CheckInReason, CheckInTrigger, CredentialKind, Holder, Lease, MAX_CHECK_OUTS,
};

use super::lease_times::{begins_term, renew_at};
use super::machine::{Told, TransitionError};
use super::state::{CheckOut, CheckOutId, FetchStage, Notice, OpenFetch, Owed, SessionState, Stage};
use crate::records::NameTag;
use crate::work::{Again, Limits, Standing};

/// The maximum number of fetches that are remembered after their check-outs are forgotten. A caller repeats a call
/// soon, or not at all.
const MOST_USED: usize = 32;

/// Takes over the fetches that no caller works on any more, because the caller went away or its host died. A fetch for
/// which the store was not asked yet is dropped. If the store was being asked, the host later asks it about the outcome
/// if `resolves` is set, and otherwise a person decides.
pub(super) fn settle_interrupted(next: &mut SessionState, now: Timestamp, resolves: bool) {
    next.fetches.retain(|open| open.stage != FetchStage::Pending);
    for open in next.fetches.iter_mut().filter(|open| open.stage == FetchStage::Asked) {
        open.stage = if resolves { FetchStage::Unsettled(Owed::from(now)) } else { FetchStage::Undecided };
    }
}

/// Begins a fetch. If the fetch replaces the credentials that the session holds, unproven check-outs are checked in
/// first (decision S3).
pub(super) fn begin(
    next: &mut SessionState,
    now: Timestamp,
    fetch: OpenFetch,
    again: bool,
) -> Result<(), TransitionError> {
    if next.is_ended() {
        return Err(TransitionError::Ended);
    }
    if next.fetches.iter().any(|open| open.id == fetch.id) {
        return Err(TransitionError::Unsettled);
    }
    let made = next.check_outs.iter().find(|out| out.id.fetch == fetch.id);
    let is_over = made.is_some_and(|out| !matches!(out.stage, Stage::Held { .. }));
    if is_over || (made.is_some() && !again) || next.used.contains(&fetch.id) {
        return Err(TransitionError::Repeated);
    }
    let only = made.map(|out| out.id.number);
    if replaces(fetch.kind) {
        let unused =
            |out: &CheckOut| (!out.is_proven && out.id.fetch != fetch.id).then_some(CheckInReason::Unused);
        take_back(next, now, unused);
        next.check_outs.retain(|out| out.is_proven || out.lease.is_some());
    }
    // Those that are due are returned before the store is asked, and may leave room for the new one.
    let replaced = next.check_outs.iter().filter(|out| returns_unused(out, now)).count();
    if next.taken() - replaced >= MAX_CHECK_OUTS {
        return Err(TransitionError::TooMany);
    }
    next.fetches.push(OpenFetch { only, ..fetch });
    Ok(())
}

/// Drops a repeated fetch whose check-out is already being returned. The store would take the intent of the repetition
/// for the intent of the old check-out.
pub(super) fn drop_stale_repetitions(next: &mut SessionState) {
    let check_outs = &next.check_outs;
    let is_held = |id| check_outs.iter().any(|out| out.id == id && matches!(out.stage, Stage::Held { .. }));
    next.fetches.retain(|open| {
        let repeated = open.only.filter(|_| open.stage == FetchStage::Pending);
        repeated.is_none_or(|number| is_held(CheckOutId { fetch: open.id, number }))
    });
}

/// Drops the fetches that wait for check-ins, if the session has too many check-outs nevertheless, because the vault
/// did not take them back.
pub(super) fn drop_beyond_limit(next: &mut SessionState) {
    if next.taken() > MAX_CHECK_OUTS {
        next.fetches.retain(|open| open.stage != FetchStage::Pending);
    }
}

/// Tells whether a fetch of this kind shows that the session could not use its earlier credentials. Two kinds do not
/// show this: a one-time code is used together with a password, and a remote application has credentials of its own.
pub(super) const fn replaces(kind: CredentialKind) -> bool {
    !matches!(kind, CredentialKind::TotpCodes | CredentialKind::RemoteApp)
}

fn returns_unused(out: &CheckOut, now: Timestamp) -> bool {
    matches!(out.stage, Stage::Returning { reason: CheckInReason::Unused, owed } if owed.next <= now)
}

pub(super) fn authenticated(
    next: &mut SessionState,
    now: Timestamp,
    trigger: CheckInTrigger,
    read: Vec<CheckOut>,
) -> Result<(), TransitionError> {
    if next.is_ended() {
        return Err(TransitionError::Ended);
    }
    add_read(next, read);
    let unproven = |out: &CheckOut| !out.is_proven && matches!(out.stage, Stage::Held { .. });
    // A repeated call changes nothing.
    if next.authenticated == Notice::NotDue || next.check_outs.iter().any(unproven) {
        next.authentications += 1;
        next.authenticated = Notice::Owed(Owed::from(now));
        for out in &mut next.check_outs {
            out.is_proven |= unproven(out);
        }
    }
    if trigger == CheckInTrigger::AfterAuthentication {
        take_back(next, now, |out| out.is_proven.then_some(CheckInReason::Used));
    }
    Ok(())
}

/// Adds the credentials that were read without a lease. A caller that repeats a call adds the same ones again, because
/// it does not know that the call was stored.
pub(super) fn add_read(next: &mut SessionState, read: Vec<CheckOut>) {
    for new in read {
        if next.check_outs.iter().all(|out| out.id != new.id) {
            next.check_outs.push(new);
        }
    }
}

/// Schedules the check-in of each held lease for which `reason` returns a reason.
pub(super) fn take_back(
    next: &mut SessionState,
    now: Timestamp,
    reason: impl Fn(&CheckOut) -> Option<CheckInReason>,
) {
    for out in next.check_outs.iter_mut().filter(|out| out.lease.is_some()) {
        if let (Stage::Held { .. }, Some(reason)) = (&out.stage, reason(out)) {
            out.stage = Stage::Returning { reason, owed: Owed::from(now) };
        }
    }
}

pub(super) fn force(
    next: &mut SessionState,
    now: Timestamp,
    id: CheckOutId,
    by: Holder,
) -> Result<(), TransitionError> {
    let mut outs = next.check_outs.iter_mut();
    let out = outs.find(|out| out.id == id && out.is_out()).ok_or(TransitionError::NoCheckOut)?;
    match &mut out.stage {
        Stage::Returning { owed, .. } => owed.next = now,
        stage => *stage = Stage::Returning { reason: CheckInReason::Forced { by }, owed: Owed::from(now) },
    }
    Ok(())
}

/// Forgets a lease, even though the vault may still hold it.
pub(super) fn give_up(next: &mut SessionState, id: CheckOutId) -> Result<(), TransitionError> {
    if !next.check_outs.iter().any(|out| out.id == id && out.is_out()) {
        return Err(TransitionError::NoCheckOut);
    }
    forget(next, |out| out.id == id);
    Ok(())
}

pub(super) fn decide(
    next: &mut SessionState,
    now: Timestamp,
    fetch: NameTag,
    made: Option<(Candidate, Lease)>,
) -> Result<(), TransitionError> {
    let before = next.fetches.len();
    next.fetches.retain(|open| open.id != fetch);
    if next.fetches.len() == before {
        return Err(TransitionError::NoCheckOut);
    }
    if let Some((candidate, lease)) = made {
        let id = CheckOutId { fetch, number: u16::MAX };
        give_back(next, now, CheckOut::new(id, candidate, Some(lease), now), CheckInReason::HostLost);
    }
    Ok(())
}

/// Keeps a check-out, and returns true. If no caller waits for the check-out any more, it is checked in instead, and
/// the function returns false. It also returns false if the lease of the check-out is already being taken back.
pub(super) fn found(
    next: &mut SessionState,
    now: Timestamp,
    standing: Standing,
    mut check_out: CheckOut,
    longest: Option<Duration>,
) -> bool {
    let is_asked = |open: &OpenFetch| open.id == check_out.id.fetch && open.stage == FetchStage::Asked;
    let asked = next.fetches.iter().position(is_asked).filter(|_| standing == Standing::Ours);
    // The answer settles the fetch, even if the session has ended meanwhile.
    let waits = asked.map(|at| next.fetches.remove(at)).is_some();
    if !waits || next.is_ended() {
        give_back(next, now, check_out, CheckInReason::Unused);
        return false;
    }
    match next.check_outs.iter().find(|out| out.id == check_out.id) {
        // The fetch is a repetition, and its lease is already being taken back.
        Some(known) if !matches!(known.stage, Stage::Held { .. }) => return false,
        // The target may have accepted the credentials, and the term of the lease goes on, so the check-out stays as it
        // is. A renewal may have given its lease another id.
        Some(known) if known.renewals > 0 || known.is_renewing || has_lease_of(known, &check_out) => {
            return true;
        }
        _ => {}
    }
    check_out.plan_renewal(longest);
    next.check_outs.retain(|out| out.id != check_out.id);
    next.check_outs.push(check_out);
    true
}

fn has_lease_of(known: &CheckOut, found: &CheckOut) -> bool {
    known.lease.as_ref().map(|lease| &lease.id) == found.lease.as_ref().map(|lease| &lease.id)
}

/// Schedules the check-in of a lease that no caller uses, unless the session already has a check-out with the same id
/// or the same lease.
pub(super) fn give_back(next: &mut SessionState, now: Timestamp, check_out: CheckOut, reason: CheckInReason) {
    let is_known = next
        .check_outs
        .iter()
        .any(|out| out.id == check_out.id || (out.lease.is_some() && out.lease == check_out.lease));
    if !is_known {
        let stage = Stage::Returning { reason, owed: Owed::from(now) };
        next.check_outs.push(CheckOut { stage, ..check_out });
    }
}

pub(super) fn unclear(
    limits: &Limits,
    next: &mut SessionState,
    fetch: NameTag,
    (again, last): (Again, Option<u16>),
    resolves: bool,
) {
    for open in next.fetches.iter_mut().filter(|open| open.id == fetch) {
        open.last = open.last.or(last);
        let owed = match open.stage {
            FetchStage::Unsettled(owed) => owed,
            _ => Owed::from(again.now),
        };
        let failures = owed.failures.saturating_add(1);
        let at = limits.retries.next(owed.since, failures, again).filter(|_| resolves);
        open.stage = match at {
            Some(next) => FetchStage::Unsettled(Owed { failures, next, ..owed }),
            None => FetchStage::Undecided,
        };
    }
}

/// Notes that the store was asked what it holds for a fetch. The question covered all candidates, or the candidates up
/// to `settled`. If the store refused to answer about one of them, the rest is asked about later.
pub(super) fn resolved(
    limits: &Limits,
    next: &mut SessionState,
    now: Timestamp,
    fetch: NameTag,
    (settled, again): (Option<u16>, Option<Again>),
    resolves: bool,
) {
    let Some(settled) = settled else {
        // From now on, a store that reconciles refuses the intent of this fetch (decision H294).
        let settled =
            next.fetches.extract_if(.., |open| open.id == fetch).map(|open| open.id).collect::<Vec<_>>();
        return remember(next, settled);
    };
    for open in next.fetches.iter_mut().filter(|open| open.id == fetch) {
        open.settled = settled;
        if again.is_none() {
            // Other sessions of the store have their turn first.
            open.stage = FetchStage::Unsettled(Owed::from(now.plus(Duration::from_millis(1))));
        }
    }
    if let Some(again) = again {
        unclear(limits, next, fetch, (again, None), resolves);
    }
}

/// Delays the settling of fetches while the session has as many check-outs as it may, until the next check-in that is
/// tried again. Settling may find further leases, and the record must stay small (decision H211).
pub(super) fn put_off_resolving(next: &mut SessionState) {
    if next.held().count() < MAX_CHECK_OUTS {
        return;
    }
    let returning = next.check_outs.iter().filter_map(|out| match &out.stage {
        Stage::Returning { owed, .. } => Some(owed.next),
        Stage::Held { .. } | Stage::Returned => None,
    });
    let Some(returned) = returning.min() else { return };
    for open in &mut next.fetches {
        if let FetchStage::Unsettled(owed) = &mut open.stage {
            owed.next = owed.next.max(returned);
        }
    }
}

pub(super) fn returned(next: &mut SessionState, check_out: &CheckOut) {
    if next.check_outs.iter().all(|out| out.id != check_out.id) {
        // The check-out could not be stored, and was undone. This settles its fetch.
        next.fetches.retain(|open| open.id != check_out.id.fetch);
        return remember(next, [check_out.id.fetch]);
    }
    for out in &mut next.check_outs {
        if out.id == check_out.id && out.lease == check_out.lease {
            out.stage = Stage::Returned;
        }
    }
    // The notice of the session's end lists its check-outs, so they are kept until the store is told (decision S6).
    if !matches!(next.ended, Notice::Owed(_)) {
        forget(next, |out| out.stage == Stage::Returned && !out.is_proven);
    }
}

/// Forgets check-outs, but remembers that their fetches were made.
fn forget(next: &mut SessionState, is_meant: impl Fn(&CheckOut) -> bool) {
    let meant: Vec<_> = next.check_outs.extract_if(.., |out| is_meant(out)).map(|out| out.id.fetch).collect();
    remember(next, meant);
}

fn remember(next: &mut SessionState, fetches: impl IntoIterator<Item = NameTag>) {
    next.used.extend(fetches);
    let surplus = next.used.len().saturating_sub(MOST_USED);
    next.used.drain(..surplus);
}

/// Plans the next try of a check-in that failed. The check-in is tried until it succeeds, because the lease counts as
/// held until then.
pub(super) fn not_returned(limits: &Limits, next: &mut SessionState, check_out: &CheckOut, again: Again) {
    // The fetch of a check-out that the session still has may be used already: a settled fetch is (decision H294).
    if !next.check_outs.iter().any(|out| out.id == check_out.id) {
        if next.used.contains(&check_out.id.fetch) {
            // An operator forgot the check-out, or another caller checked it in.
            return;
        }
        // The check-out could not be stored before. It is stored now, so that it is checked in.
        next.fetches.retain(|open| open.id != check_out.id.fetch);
        give_back(next, again.now, check_out.clone(), CheckInReason::Unused);
    }
    for out in next.check_outs.iter_mut().filter(|out| out.id == check_out.id) {
        if let Stage::Returning { owed, .. } = &mut out.stage {
            owed.failures = owed.failures.saturating_add(1);
            owed.next = again.now.plus(limits.retries.wait(owed.failures, again));
        }
    }
}

pub(super) fn renewed_lease(
    limits: &Limits,
    next: &mut SessionState,
    now: Timestamp,
    check_out: CheckOut,
    renewed: Result<Lease, Again>,
    is_unclear: bool,
) {
    let known = next.check_outs.iter_mut().find(|out| out.id == check_out.id && out.lease == check_out.lease);
    match (known, renewed) {
        (Some(out), Ok(lease)) => {
            let is_longer = out.lease.as_ref().is_none_or(|before| begins_term(before, out.term, &lease));
            (out.lease, out.renewals) = (Some(lease), out.renewals.saturating_add(1));
            out.is_renewing = false;
            if is_longer {
                out.term = now;
            }
            out.plan_renewal(is_longer.then_some(limits.longest_lease));
        }
        (Some(out), Err(again)) => {
            out.is_renewing &= is_unclear;
            let (owed, is_returning) = match &mut out.stage {
                Stage::Held { renew: Some(owed) } => (owed, false),
                Stage::Returning { owed, .. } => (owed, true),
                Stage::Held { renew: None } | Stage::Returned => return,
            };
            owed.failures = owed.failures.saturating_add(1);
            let is_last = !out.is_renewing || owed.failures >= limits.retries.attempts;
            if is_returning && is_last {
                // The lease is checked in under the id that the host knows.
                (out.is_renewing, *owed) = (false, Owed::from(again.now));
            } else {
                owed.next = again.now.plus(limits.retries.wait(owed.failures, again));
            }
        }
        // The lease was given up during the renewal, and the renewal may have made another lease.
        (None, Ok(lease)) => {
            give_back(next, now, CheckOut { lease: Some(lease), ..check_out }, CheckInReason::Unused);
        }
        (None, Err(_)) => {}
    }
}

/// Notes that a store was told of an event, or plans another try. If the retries are used up, the host gives up, and
/// the store is never told.
pub(super) fn told(
    limits: &Limits,
    next: &mut SessionState,
    now: Timestamp,
    what: Told,
    failed: Option<Again>,
) {
    let notice = match what {
        Told::Authenticated(number) if number == next.authentications => &mut next.authenticated,
        Told::Authenticated(_) => return,
        Told::Ended => &mut next.ended,
    };
    let owed = match *notice {
        Notice::Owed(owed) => owed,
        // The end was not stored as a notice before the call, because the record itself was the intent of this notice
        // (decision H222).
        Notice::NotDue if what == Told::Ended => Owed::from(now),
        Notice::NotDue | Notice::Done => return,
    };
    let failures = owed.failures.saturating_add(1);
    let at = failed.and_then(|again| limits.retries.next(owed.since, failures, again));
    *notice = at.map_or(Notice::Done, |next| Notice::Owed(Owed { failures, next, ..owed }));
}

/// Forgets the oldest check-outs that are checked in or have no lease, until the session is within its limit. A
/// check-out whose lease is not checked in is kept, even beyond the limit.
pub(super) fn forget_returned(next: &mut SessionState) {
    while next.check_outs.len() > MAX_CHECK_OUTS {
        match next.check_outs.iter().position(|out| !out.is_out()) {
            Some(oldest) => {
                let oldest = next.check_outs[oldest].id;
                forget(next, |out| out.id == oldest);
            }
            None => return,
        }
    }
}

impl CheckOut {
    pub(super) fn new(id: CheckOutId, candidate: Candidate, lease: Option<Lease>, now: Timestamp) -> Self {
        let stage = Stage::Held { renew: None };
        Self {
            id,
            candidate,
            lease,
            made: now,
            term: now,
            renewals: 0,
            is_renewing: false,
            is_proven: false,
            stage,
        }
    }

    /// Plans the renewal of a held lease. `longest` is the maximum age of the lease. If it is `None`, the lease is not
    /// renewed.
    fn plan_renewal(&mut self, longest: Option<Duration>) {
        let Stage::Held { renew } = &mut self.stage else { return };
        let at = self.lease.as_ref().zip(longest);
        let at = at.and_then(|(lease, longest)| renew_at(lease, (self.made, self.term), longest));
        *renew = at.map(Owed::from);
    }
}
