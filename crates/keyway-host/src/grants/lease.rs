//! Who works on a grant, so that two hosts do not work on it at the same time (decision R5).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::Timestamp;
use keyway_storage::Revision;
use tokio::time::Instant;

use super::id::GrantId;

/// A claim on a grant: whose, and for how long.
///
/// It is stored in the record of the grant. The fencing token is the record's revision:
/// everything that the owner commits is conditional on it, so an owner that lost its lease
/// can write nothing. One claim covers one call of the plugin, whose deadline is shorter
/// than the lease, so a lease is never renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// Who holds it.
    pub holder: Holder,
    /// When it was taken, on the holder's clock. No other host trusts this clock.
    pub from: Timestamp,
    /// How long it lasts.
    pub lasts: Duration,
}

/// A host, in one of its runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The name of the host. Empty for one that has none.
    pub host: Arc<str>,
    /// A number that no other run has.
    pub run: u64,
}

/// What a worker knows when it meets a lease.
#[derive(Clone, Copy, Debug)]
pub struct Meeting<'a> {
    /// Who meets it.
    pub worker: &'a Holder,
    /// Whether this run works on the grant at this moment.
    pub in_hand: bool,
    /// For how long this run has seen the record unchanged, on its monotonic clock.
    pub unchanged_for: Duration,
}

impl Lease {
    /// Whether the worker may take it over: it is its own and nobody works on it, it is that
    /// of an earlier run of the same named host, or its full duration passed on the worker's
    /// monotonic clock since the worker first saw it.
    pub fn may_be_taken(&self, meeting: &Meeting<'_>) -> bool {
        if meeting.in_hand {
            return false;
        }
        let same_run = self.holder == *meeting.worker;
        let same_host = !self.holder.host.is_empty() && self.holder.host == meeting.worker.host;
        same_run || same_host || meeting.unchanged_for >= self.lasts
    }
}

/// What this run has seen of leases for which it has to wait.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    of: HashMap<GrantId, Sighting>,
}

#[derive(Debug)]
struct Sighting {
    revision: Revision,
    first: Instant,
    last: Instant,
    lasts: Duration,
}

impl Sighting {
    /// Whether nobody has met it for so long that it should have come up again: a lease that is
    /// still open is due when its duration has passed, and met at every look from then on.
    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= self.lasts.saturating_mul(2)
    }
}

impl Sightings {
    /// For how long the grant has had this revision, as far as this run knows. Its lease lasts
    /// for `lasts`.
    pub(super) fn unchanged_for(
        &mut self,
        grant: GrantId,
        revision: Revision,
        lasts: Duration,
        now: Instant,
    ) -> Duration {
        let fresh = Sighting { revision, first: now, last: now, lasts };
        let seen = self.of.entry(grant).or_insert(fresh);
        if seen.revision != revision {
            *seen = Sighting { revision, first: now, last: now, lasts };
        }
        seen.last = seen.last.max(now);
        now.saturating_duration_since(seen.first)
    }

    /// Forgets what has ended in other hands, after a look at what is due that began at `look`:
    /// what was met neither in that look nor for a long time before. What is forgotten too early
    /// is waited for anew, so nothing is ever taken too early.
    pub(super) fn forget_ended(&mut self, look: Instant, now: Instant) {
        self.of.retain(|_, seen| seen.last >= look || !seen.is_old(now));
        if self.of.capacity() > 64 && self.of.len() < self.of.capacity() / 4 {
            self.of.shrink_to(self.of.len() * 2);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.of.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(host: &str, run: u64) -> Holder {
        Holder { host: host.into(), run }
    }

    #[test]
    fn a_lease_is_waited_for_unless_its_holder_is_known_to_be_gone() {
        let lasts = Duration::from_secs(60);
        let lease = Lease { holder: holder("a", 1), from: Timestamp::default(), lasts };
        let at = |worker: &Holder, in_hand, seconds| {
            let unchanged_for = Duration::from_secs(seconds);
            lease.may_be_taken(&Meeting { worker, in_hand, unchanged_for })
        };
        assert!(!at(&holder("b", 2), false, 59) && at(&holder("b", 2), false, 60));
        assert!(at(&holder("a", 2), false, 0), "an earlier run of the same host");
        assert!(at(&holder("a", 1), false, 0) && !at(&holder("a", 1), true, 3600), "its own");
        let nameless = Lease { holder: holder("", 1), ..lease.clone() };
        let worker = holder("", 2);
        let meeting = Meeting { worker: &worker, in_hand: false, unchanged_for: Duration::ZERO };
        assert!(!nameless.may_be_taken(&meeting), "hosts without names are not the same");
    }

    const LASTS: Duration = Duration::from_secs(60);

    fn grant(number: u8) -> GrantId {
        GrantId::from_bytes([number; 16])
    }

    #[test]
    fn the_wait_begins_anew_with_every_change() {
        let (mut sightings, start) = (Sightings::default(), Instant::now());
        let mut seen = |revision, seconds| {
            let now = start + Duration::from_secs(seconds);
            sightings.unchanged_for(grant(1), Revision::from_bits(revision), LASTS, now).as_secs()
        };
        assert_eq!([seen(1, 0), seen(1, 50), seen(2, 55), seen(2, 65)], [0, 50, 0, 10]);
    }

    #[test]
    fn what_is_met_at_every_look_is_kept_however_rare_the_looks_are() {
        let (mut sightings, start) = (Sightings::default(), Instant::now());
        let revision = Revision::from_bits(1);
        let mut seen = |number, seconds| {
            let now = start + Duration::from_secs(seconds);
            let unchanged_for = sightings.unchanged_for(grant(number), revision, LASTS, now);
            sightings.forget_ended(now, now);
            (unchanged_for.as_secs(), sightings.len())
        };
        assert_eq!(seen(1, 0), (0, 1));
        // The other may still be open: its lease has not run out for long.
        assert_eq!(seen(2, 119), (0, 2));
        assert_eq!(seen(2, 3600), (3481, 1));
        assert_eq!(seen(1, 3601), (0, 2), "it is waited for anew");
    }
}
