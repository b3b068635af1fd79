//! Tracks how long this run has seen claims of other hosts unchanged.
//!
//! See decision R5.

use std::collections::HashMap;
use std::time::Duration;

use keyway_storage::Revision;
use tokio::time::Instant;

use crate::records::Address;

/// The claims of other hosts for whose end this run waits.
#[derive(Debug, Default)]
pub(super) struct SeenClaims {
    of: HashMap<Address, SeenClaim>,
}

#[derive(Debug)]
struct SeenClaim {
    revision: Revision,
    first: Instant,
    last: Instant,
    lasts: Duration,
}

impl SeenClaim {
    /// Tells whether a claim was last seen so long ago that it must have ended: a claim that is still open after its
    /// time is seen in every pass.
    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= self.lasts.saturating_mul(2)
    }
}

impl SeenClaims {
    /// Returns how long this run has seen the record at this revision. The record's claim lasts for `lasts`.
    pub(super) fn unchanged_for(
        &mut self,
        record: Address,
        revision: Revision,
        lasts: Duration,
        now: Instant,
    ) -> Duration {
        let fresh = SeenClaim { revision, first: now, last: now, lasts };
        let seen = self.of.entry(record).or_insert(fresh);
        if seen.revision != revision {
            *seen = SeenClaim { revision, first: now, last: now, lasts };
        }
        seen.last = seen.last.max(now);
        now.saturating_duration_since(seen.first)
    }

    /// Forgets claims that have ended elsewhere, after a pass that began at `pass`. These are the claims that were not
    /// seen in that pass, nor for a long time before it. If a claim is forgotten too early, this run waits for it again
    /// from the start, so it never takes a claim too early (decision H55).
    pub(super) fn forget_ended(&mut self, pass: Instant, now: Instant) {
        self.of.retain(|_, seen| seen.last >= pass || !seen.is_old(now));
        if self.of.capacity() > 64 && self.of.len() < self.of.capacity() / 4 {
            self.of.shrink_to(self.of.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTS: Duration = Duration::from_secs(60);

    fn record(number: u8) -> Address {
        Address { scope: [0; 16], id: [number; 16] }
    }

    #[test]
    fn the_wait_begins_anew_with_every_change() {
        let (mut seen_claims, start) = (SeenClaims::default(), Instant::now());
        let mut seen = |revision, seconds| {
            let now = start + Duration::from_secs(seconds);
            seen_claims.unchanged_for(record(1), Revision::from_bits(revision), LASTS, now).as_secs()
        };
        assert_eq!([seen(1, 0), seen(1, 50), seen(2, 55), seen(2, 65)], [0, 50, 0, 10]);
    }

    #[test]
    fn a_claim_that_is_met_at_every_pass_is_kept_however_rare_the_passes_are() {
        let (mut seen_claims, start) = (SeenClaims::default(), Instant::now());
        let revision = Revision::from_bits(1);
        let mut seen = |number, seconds| {
            let now = start + Duration::from_secs(seconds);
            let unchanged_for = seen_claims.unchanged_for(record(number), revision, LASTS, now);
            seen_claims.forget_ended(now, now);
            (unchanged_for.as_secs(), seen_claims.of.len())
        };
        assert_eq!(seen(1, 0), (0, 1));
        // The first claim may still be open, because it was seen less than twice its duration ago.
        assert_eq!(seen(2, 119), (0, 2));
        assert_eq!(seen(2, 3600), (3481, 1));
        assert_eq!(seen(1, 3601), (0, 2), "this run waits for it again");
    }
}
