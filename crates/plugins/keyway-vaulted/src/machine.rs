//! Decides about check-outs, check-ins and renewals of one account. It does no I/O.
//!
//! ```text
//!        check out             check in, without rotation
//! free ────────────► leased ───────────────────────────────────────► free
//!   ▲                  │ check in, with rotation                       ▲
//!   │                  ▼                                               │
//!   │        leased, change begun ── the target takes the new one ─────┘
//!   │                  │
//!   │ mended by hand   ▼ the target takes neither
//!   └────────────── diverged
//! ```
//!
//! A lease stays until its change has ended, so no session gets a credential that another session knows.

use std::time::Duration;

use keyway_core::Timestamp;
use keyway_credentials::{
    CredentialKind, Lease, LeaseId, LeaseRenewal, Rotation, SessionId, TargetCredential,
};

use crate::account::{Returned, StoredAccount, StoredChange, StoredLease, UsedCode};

/// The terms of leases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// The duration of a lease.
    pub(crate) lease: Duration,
    /// The longest duration of a lease with all its renewals.
    pub(crate) longest: Duration,
    /// Whether a credential is changed at its target when it is checked in.
    pub(crate) rotates: bool,
}

/// A request for credentials.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) kind: CredentialKind,
    /// The intent, which becomes the id of the lease.
    pub(crate) lease: LeaseId,
    pub(crate) session: SessionId,
}

/// The decision about a check-out.
#[derive(Debug)]
pub(crate) enum CheckOut {
    /// The lease is stored: hand the credentials out.
    HandOut(Lease),
    /// Store the account with its new lease, then hand the credentials out.
    Store(Box<StoredAccount>, Lease),
    /// Take this lease back first, because its time is over.
    TakeBack(LeaseId),
    /// The account has no credentials of this kind.
    Unsupported,
    /// Another session has the credentials, or a one-time code was handed out in this period.
    Busy { until: Option<Timestamp>, holder: Option<SessionId> },
    /// The target accepts no credential of the account.
    Diverged,
    /// The host was told that this fetch checked nothing out, or its lease was given back.
    TooLate,
}

/// The answer to the question whether a fetch checked something out.
#[derive(Debug)]
pub(crate) enum Told {
    /// The fetch made this lease.
    Made(Lease),
    /// The fetch checked nothing out, and never will.
    Nothing,
    /// The fetch checked nothing out so far. Store this account, so that the fetch is refused if it arrives late.
    Store(Box<StoredAccount>),
}

/// The maximum number of voided fetches that an account remembers, to refuse them if they arrive late. Beyond that
/// number, the oldest one is dropped.
pub(crate) const MOST_VOIDED: usize = 16;

/// The decision about a check-in.
#[derive(Debug)]
pub(crate) enum CheckIn {
    /// The lease is gone.
    Gone(Rotation),
    /// Store the account, then the lease is gone.
    Store(Box<StoredAccount>, Rotation),
    /// Revoke the certificates of the lease, then [`take_back`] it.
    Revoke,
    /// Make a new credential of this kind, and [`begin`] its change.
    Begin(CredentialKind),
    /// Go on with the change that has begun.
    Resume,
}

pub(crate) fn check_out(account: &StoredAccount, asked: &Asked, now: Timestamp, terms: Terms) -> CheckOut {
    if !account.offers(asked.kind) {
        return CheckOut::Unsupported;
    }
    if account.is_over(&asked.lease) {
        return CheckOut::TooLate;
    }
    if account.has_diverged() {
        return CheckOut::Diverged;
    }
    // An expired lease comes before an unfinished change, because taking the lease back completes the change.
    if let Some(over) = account.leases.iter().find(|lease| lease.until <= now) {
        return CheckOut::TakeBack(over.id.clone());
    }
    let changing = account.change.as_ref().and_then(|change| account.lease(&change.lease));
    let others = account.leases.iter().find(|lease| lease.session != asked.session);
    if let Some(holding) = changing.or(others) {
        return CheckOut::Busy { until: Some(holding.until), holder: Some(holding.session.clone()) };
    }
    let used_code = match used_code(account, asked, now) {
        Ok(used_code) => used_code,
        Err(until) => return CheckOut::Busy { until: Some(until), holder: None },
    };
    let known = account.lease(&asked.lease);
    if let Some(known) = known.filter(|_| used_code == account.used_code) {
        return CheckOut::HandOut(known.to_lease(terms));
    }
    let mut next = Box::new(account.clone());
    next.used_code = used_code;
    let lease = known.cloned().unwrap_or_else(|| StoredLease {
        id: asked.lease.clone(),
        session: asked.session.clone(),
        kind: asked.kind,
        since: now,
        until: now.plus(terms.lease),
        certificates: 0,
        renewal: None,
    });
    let given = lease.to_lease(terms);
    if known.is_none() {
        next.leases.push(lease);
    }
    CheckOut::Store(next, given)
}

/// Returns the code that counts as used after the request. The error is the end of the period whose code is already
/// used.
fn used_code(account: &StoredAccount, asked: &Asked, now: Timestamp) -> Result<Option<UsedCode>, Timestamp> {
    let Some(seed) = account.totp.as_ref().filter(|_| asked.kind == CredentialKind::TotpCodes) else {
        return Ok(account.used_code.clone());
    };
    let begin = seed.begin(now);
    match &account.used_code {
        Some(used) if used.lease == asked.lease && used.valid_from == begin => Ok(Some(used.clone())),
        // After the clock is set back, an earlier period must not count again.
        Some(used) if used.valid_from >= begin => Err(used.valid_from.plus(seed.period())),
        _ => Ok(Some(UsedCode { valid_from: begin, lease: asked.lease.clone() })),
    }
}

/// Tells what became of the fetch with this intent.
pub(crate) fn tell_fetch(account: &StoredAccount, intent: &LeaseId, terms: Terms) -> Told {
    if let Some(held) = account.lease(intent) {
        return Told::Made(held.to_lease(terms));
    }
    if account.is_over(intent) {
        return Told::Nothing;
    }
    let mut next = Box::new(account.clone());
    next.voided.push(intent.clone());
    let surplus = next.voided.len().saturating_sub(MOST_VOIDED);
    next.voided.drain(..surplus);
    Told::Store(next)
}

pub(crate) fn check_in(account: &StoredAccount, lease: &LeaseId, terms: Terms) -> CheckIn {
    let Some(known) = account.lease(lease) else {
        let returned = account.returned.as_ref().filter(|returned| returned.lease == *lease);
        return CheckIn::Gone(returned.map_or(Rotation::NotRotated, |returned| returned.rotation));
    };
    if account.change.is_some() && !account.has_diverged() {
        return CheckIn::Resume;
    }
    if known.certificates > 0 {
        return CheckIn::Revoke;
    }
    let changes = matches!(known.kind, CredentialKind::Passwords | CredentialKind::PrivateKeys);
    if !changes || !terms.rotates || account.has_diverged() || account.credential(known.kind).is_none() {
        return CheckIn::Store(take_back(account, lease, Rotation::NotRotated), Rotation::NotRotated);
    }
    // The session still uses the credential under another lease. The check-in of that lease changes the credential.
    if account.leases.iter().any(|other| other.id != *lease && other.kind == known.kind) {
        return CheckIn::Store(take_back(account, lease, Rotation::Scheduled), Rotation::Scheduled);
    }
    CheckIn::Begin(known.kind)
}

/// Begins the change that a check-in needs. The returned account is stored before the target is asked.
pub(crate) fn begin(account: &StoredAccount, lease: &LeaseId, new: TargetCredential) -> Box<StoredAccount> {
    let change = StoredChange { lease: lease.clone(), new, has_diverged: false };
    Box::new(StoredAccount { change: Some(change), ..account.clone() })
}

/// Ends a lease.
pub(crate) fn take_back(account: &StoredAccount, lease: &LeaseId, rotation: Rotation) -> Box<StoredAccount> {
    let mut next = Box::new(account.clone());
    next.leases.retain(|known| known.id != *lease);
    next.returned = Some(Returned { lease: lease.clone(), rotation });
    next
}

/// Renews a lease. Returns the renewed lease, and the account to store. If this renewal was already made, there is no
/// account to store. Returns `None` if the account no longer has the lease, or if the lease has expired.
pub(crate) fn renew(
    account: &StoredAccount,
    renewal: &LeaseRenewal,
    now: Timestamp,
    terms: Terms,
) -> Option<(Option<Box<StoredAccount>>, Lease)> {
    let mut next = Box::new(account.clone());
    let known = next.leases.iter_mut().find(|known| known.id == renewal.lease.id && known.until > now)?;
    if known.renewal.as_ref() == Some(&renewal.intent) {
        return Some((None, known.to_lease(terms)));
    }
    known.renewal = Some(renewal.intent.clone());
    let wanted = now.plus(renewal.extension.unwrap_or(terms.lease));
    known.until = known.until.max(wanted.min(known.since.plus(terms.longest)));
    let renewed = known.to_lease(terms);
    Some((Some(next), renewed))
}

/// Counts a requested certificate of a lease. Returns `None` if the account does not have the lease.
pub(crate) fn count_certificate(account: &StoredAccount, lease: &LeaseId) -> Option<Box<StoredAccount>> {
    let mut next = Box::new(account.clone());
    next.leases.iter_mut().find(|known| known.id == *lease)?.certificates += 1;
    Some(next)
}

impl StoredAccount {
    /// Tells whether the fetch with this intent must be refused: it was voided, or its lease was given back.
    fn is_over(&self, intent: &LeaseId) -> bool {
        self.voided.contains(intent)
            || self.returned.as_ref().is_some_and(|returned| returned.lease == *intent)
    }
}

impl StoredLease {
    pub(crate) fn to_lease(&self, terms: Terms) -> Lease {
        let renewable = self.until < self.since.plus(terms.longest);
        Lease::new(self.id.clone()).expires_at(self.until).renewable(renewable).exclusive(true)
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
