//! The vault of a scripted store: its leases, its passwords, and the calls that the store received.

use std::collections::{BTreeMap, BTreeSet};

use keyway_core::Timestamp;
use keyway_credentials::{
    Busy, CredentialError, Holder, Lease, LeaseId, LeaseRenewal, Reconciled, Rotation, TotpCode,
};
use serde::{Deserialize, Serialize};

use super::{StoreCall, StoreEntry, Terms};

/// A lease as the vault stores it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredLease {
    id: String,
    expires_at: Option<u64>,
    renewable: bool,
    exclusive: bool,
    /// The account and the asset of the lease, as one key.
    of: String,
    session: Option<String>,
}

impl StoredLease {
    fn lease(&self) -> Result<Lease, CredentialError> {
        let lease = Lease::new(LeaseId::new(self.id.as_str())?);
        let lease = lease.renewable(self.renewable).exclusive(self.exclusive);
        Ok(self.expires_at.map_or(lease.clone(), |end| lease.expires_at(Timestamp::from_milliseconds(end))))
    }

    fn lasts(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now.as_milliseconds() < end)
    }
}

/// The lease and the credentials that one fetch got from the vault.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CheckedOut {
    lease: Option<StoredLease>,
    /// How many times the credentials had been changed before the fetch.
    pub(super) version: u64,
    /// The number of the one-time code's period, counted from the epoch; `None` if the credentials are not a one-time
    /// code.
    pub(super) period: Option<u64>,
}

impl CheckedOut {
    pub(super) fn lease(&self) -> Result<Option<Lease>, CredentialError> {
        self.lease.as_ref().map(StoredLease::lease).transpose()
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Vault {
    pub(super) calls: Vec<StoreEntry>,
    pub(super) effects: Vec<StoreEntry>,
    /// The leases that were not checked in, by id.
    held: BTreeMap<String, StoredLease>,
    /// The ids of the exclusive leases, by account and asset.
    alone: BTreeMap<String, String>,
    /// The results of fetches, by intent.
    checked_out: BTreeMap<String, CheckedOut>,
    /// The intents of fetches that the store reported to the host as not executed. A later call with one of these
    /// intents must have no effect.
    voided: BTreeSet<String>,
    renewed: BTreeMap<String, StoredLease>,
    rotated: BTreeMap<String, bool>,
    noticed: BTreeSet<String>,
    versions: BTreeMap<String, u64>,
    /// The number of the period in which a one-time code was last checked out, by account and asset.
    periods: BTreeMap<String, u64>,
    pub(super) diverged: BTreeSet<String>,
    numbers: u64,
}

impl Vault {
    /// Lists the ids of the held leases that have not expired.
    pub(super) fn held(&self, now: Timestamp) -> Vec<String> {
        self.held.values().filter(|lease| lease.lasts(now)).map(|lease| lease.id.clone()).collect()
    }

    fn new_id(&mut self) -> String {
        self.numbers += 1;
        format!("lease-{}", self.numbers)
    }

    /// Checks out the credentials of an account. The account is busy while an exclusive lease of it is held. A fetch of
    /// a one-time code also finds it busy if a code of the current period was checked out already.
    pub(super) fn check_out(
        &mut self,
        terms: &Terms,
        mut entry: StoreEntry,
        of: &str,
        now: Timestamp,
    ) -> Result<Result<CheckedOut, Busy>, CredentialError> {
        let done = entry.intent.as_ref().and_then(|intent| self.checked_out.get(intent));
        if let (true, Some(done)) = (terms.capabilities.idempotent, done) {
            return Ok(Ok(done.clone()));
        }
        if entry.intent.as_ref().is_some_and(|intent| self.voided.contains(intent)) {
            return Err(CredentialError::refused(
                "It is too late.",
                "the host was told that this fetch made nothing",
            ));
        }
        let holder = self.alone.get(of).and_then(|lease| self.held.get(lease));
        if let Some(holder) = holder.filter(|holder| holder.lasts(now)) {
            let busy = holder
                .expires_at
                .map_or(Busy::new(), |end| Busy::new().until(Timestamp::from_milliseconds(end)));
            return Ok(Err(match &holder.session {
                Some(session) => busy.held_for(Holder::new(session.as_str())?),
                None => busy,
            }));
        }
        let length = u64::try_from(TotpCode::USUAL_PERIOD.as_millis()).unwrap_or(u64::MAX);
        let period = (entry.call == StoreCall::TotpCodes).then_some(now.as_milliseconds() / length);
        if period.is_some() && period == self.periods.get(of).copied() {
            let next = period.map_or(0, |period| (period + 1) * length);
            return Ok(Err(Busy::new().until(Timestamp::from_milliseconds(next))));
        }
        let lease = terms.capabilities.leases.then(|| StoredLease {
            id: self.new_id(),
            expires_at: terms.lease_time.map(|time| now.plus(time).as_milliseconds()),
            renewable: terms.capabilities.renews,
            exclusive: terms.exclusive,
            of: of.to_owned(),
            session: entry.session.clone(),
        });
        if let Some(lease) = &lease {
            if lease.exclusive {
                self.alone.insert(of.to_owned(), lease.id.clone());
            }
            self.held.insert(lease.id.clone(), lease.clone());
            entry.lease = Some(lease.id.clone());
        }
        if let Some(period) = period {
            self.periods.insert(of.to_owned(), period);
        }
        let done = CheckedOut { lease, version: self.version(of), period };
        if let Some(intent) = &entry.intent {
            self.checked_out.insert(intent.clone(), done.clone());
        }
        // Without leases, a check-out only reads and has no effect.
        if entry.lease.is_some() {
            self.effects.push(entry);
        }
        Ok(Ok(done))
    }

    /// Returns the outcome of the fetch with this intent. If the fetch made no lease, a later call with this intent is
    /// refused.
    pub(super) fn tell_fetch(&mut self, intent: &str) -> Result<Reconciled, CredentialError> {
        let lease = self.checked_out.get(intent).map(CheckedOut::lease).transpose()?.flatten();
        if lease.is_none() {
            self.voided.insert(intent.to_owned());
        }
        Ok(lease.map_or(Reconciled::NothingHappened, Reconciled::Made))
    }

    fn version(&self, of: &str) -> u64 {
        self.versions.get(of).copied().unwrap_or_default()
    }

    /// Takes a lease back. Does nothing if the lease is not held.
    pub(super) fn check_in(&mut self, terms: &Terms, entry: StoreEntry, now: Timestamp) -> Rotation {
        let rotation = |rotated| if rotated { terms.rotation } else { Rotation::NotRotated };
        let (intent, id) =
            (entry.intent.clone().unwrap_or_default(), entry.lease.clone().unwrap_or_default());
        if let (true, Some(rotated)) = (terms.capabilities.idempotent, self.rotated.get(&intent)) {
            return rotation(*rotated);
        }
        let taken = self.held.remove(&id).filter(|lease| lease.lasts(now));
        let Some(lease) = taken else { return Rotation::NotRotated };
        if self.alone.get(&lease.of) == Some(&id) {
            self.alone.remove(&lease.of);
        }
        let rotated = terms.capabilities.rotates;
        if rotated {
            *self.versions.entry(lease.of).or_default() += 1;
        }
        self.rotated.insert(intent, rotated);
        self.effects.push(entry);
        rotation(rotated)
    }

    /// Tells whether a lease is held and has not expired.
    pub(super) fn holds(&self, lease: &LeaseId, now: Timestamp) -> bool {
        self.held.get(lease.as_str()).is_some_and(|lease| lease.lasts(now))
    }

    /// Renews a lease.
    pub(super) fn renew(
        &mut self,
        terms: &Terms,
        entry: StoreEntry,
        renewal: &LeaseRenewal,
        now: Timestamp,
    ) -> Result<Lease, CredentialError> {
        let intent = renewal.intent.as_str();
        if let (true, Some(renewed)) = (terms.capabilities.idempotent, self.renewed.get(intent)) {
            return renewed.lease();
        }
        let id = renewal.lease.id.as_str();
        let unknown = || CredentialError::UnknownLease { lease: renewal.lease.id.clone() };
        let mut lease = self.held.get(id).filter(|lease| lease.lasts(now)).cloned().ok_or_else(unknown)?;
        // The new end may be earlier than the host wants, but never earlier than the lease's old end.
        let time = match (terms.lease_time, renewal.extension) {
            (Some(most), Some(wanted)) => Some(most.min(wanted)),
            (most, _) => most,
        };
        let end = time.map(|time| now.plus(time).as_milliseconds());
        lease.expires_at = lease.expires_at.max(end);
        if terms.renews_ids {
            lease.id = self.new_id();
        }
        self.held.remove(id);
        if lease.exclusive {
            self.alone.insert(lease.of.clone(), lease.id.clone());
        }
        self.held.insert(lease.id.clone(), lease.clone());
        self.renewed.insert(intent.to_owned(), lease.clone());
        self.effects.push(entry);
        lease.lease()
    }

    /// Records an event of a session. If the store is idempotent, a repeated event has no effect.
    pub(super) fn notice(&mut self, terms: &Terms, entry: StoreEntry) {
        let is_new =
            self.noticed.insert(format!("{:?} {}", entry.call, entry.intent.as_deref().unwrap_or_default()));
        if is_new || !terms.capabilities.idempotent {
            self.effects.push(entry);
        }
    }
}
