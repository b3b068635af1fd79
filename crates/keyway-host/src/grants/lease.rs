//! Who works on a grant, so that two hosts do not work on it at the same time (decision R5).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_core::Timestamp;
use keyway_storage::Revision;

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

/// What this run has seen of leases that are not its own.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    first_seen: HashMap<Vec<u8>, (Revision, Instant)>,
}

impl Sightings {
    /// For how long the record at `key` has had this revision, as far as this run knows.
    pub(super) fn unchanged_for(&mut self, key: &[u8], revision: Revision, now: Instant) -> Duration {
        match self.first_seen.get_mut(key) {
            Some((seen, since)) if *seen == revision => now.saturating_duration_since(*since),
            Some(seen) => {
                *seen = (revision, now);
                Duration::ZERO
            }
            None => {
                self.first_seen.insert(key.to_vec(), (revision, now));
                Duration::ZERO
            }
        }
    }

    /// Forgets a record that is settled.
    pub(super) fn forget(&mut self, key: &[u8]) {
        self.first_seen.remove(key);
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

    #[test]
    fn the_wait_begins_anew_with_every_change() {
        let (mut sightings, start) = (Sightings::default(), Instant::now());
        let mut seen = |revision, seconds| {
            let now = start + Duration::from_secs(seconds);
            sightings.unchanged_for(b"k", Revision::from_bits(revision), now).as_secs()
        };
        assert_eq!([seen(1, 0), seen(1, 50), seen(2, 55), seen(2, 65)], [0, 50, 0, 10]);
    }
}
