//! Decides when a lease is renewed, and when it is checked in although its session continues.

use std::time::Duration;

use keyway_core::Timestamp;
use keyway_credentials::Lease;

/// Returns when a lease is checked in because it ends; `None` if it does not end by itself. The check-in is due when 90
/// % of the term has passed, since the vault's clock may differ from the host's (decision S10).
pub(super) fn return_at(lease: &Lease, term: Timestamp) -> Option<Timestamp> {
    Some(term.plus(part(length(lease, term)?, 9, 10)))
}

/// Returns when a lease is renewed: when a third of its term has passed (decision S10). `None` if the lease does not
/// end, cannot be renewed, or lasts until its maximum age already.
pub(super) fn renew_at(
    lease: &Lease,
    (made, term): (Timestamp, Timestamp),
    longest: Duration,
) -> Option<Timestamp> {
    let at = term.plus(part(length(lease, term)?, 1, 3));
    let ends = lease.expires_at?;
    (lease.renewable && ends < made.plus(longest)).then_some(at)
}

/// Returns the duration that the host requests for a renewal at `now`: as long as the current term, but not beyond the
/// maximum age of the lease. Returns `None` if the lease has no end.
pub(super) fn extension(
    lease: &Lease,
    (made, term): (Timestamp, Timestamp),
    now: Timestamp,
    longest: Duration,
) -> Option<Duration> {
    Some(length(lease, term)?.min(between(now, made.plus(longest))))
}

/// Tells whether a renewal begins a new term. It does not if the end of the lease moved by at most a tenth of the term:
/// then the vault gives no more time, and further renewals would only delay the return.
pub(super) fn begins_term(before: &Lease, term: Timestamp, renewed: &Lease) -> bool {
    let (Some(old), Some(new)) = (before.expires_at, renewed.expires_at) else { return true };
    between(old, new).max(between(new, old)) > part(between(term, old), 1, 10)
}

fn length(lease: &Lease, term: Timestamp) -> Option<Duration> {
    Some(between(term, lease.expires_at?))
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(to.as_milliseconds().saturating_sub(from.as_milliseconds()))
}

/// Multiplies a duration by the fraction `times / by`, rounded down to milliseconds.
fn part(of: Duration, times: u128, by: u128) -> Duration {
    Duration::from_millis(u64::try_from(of.as_millis() * times / by).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use keyway_credentials::LeaseId;
    use proptest::prelude::*;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(3600);

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::from_milliseconds(milliseconds)
    }

    fn lease(ends: u64) -> Lease {
        Lease::new(LeaseId::new("l").unwrap()).expires_at(at(ends)).renewable(true)
    }

    #[test]
    fn a_lease_without_an_end_is_left_alone() {
        let lease = Lease::new(LeaseId::new("l").unwrap()).renewable(true);
        assert_eq!((return_at(&lease, at(0)), renew_at(&lease, (at(0), at(0)), LONGEST)), (None, None));
    }

    #[test]
    fn a_lease_that_has_ended_is_due_at_once() {
        assert_eq!(return_at(&lease(5), at(7)), Some(at(7)));
    }

    #[test]
    fn a_lease_that_is_as_old_as_it_may_be_is_not_renewed() {
        let hour = 3_600_000;
        assert_eq!(renew_at(&lease(hour), (at(0), at(0)), LONGEST), None);
        assert_eq!(renew_at(&lease(hour - 3), (at(0), at(0)), LONGEST), Some(at(hour / 3 - 1)));
        assert_eq!(renew_at(&lease(9).renewable(false), (at(0), at(0)), LONGEST), None);
    }

    #[test]
    fn a_renewal_that_gives_no_more_begins_no_term() {
        let begins = |end| begins_term(&lease(1000), at(0), &lease(end));
        assert_eq!([899, 900, 1000, 1100, 1101].map(begins), [true, false, false, false, true]);
        let endless = Lease::new(LeaseId::new("l").unwrap());
        assert!(begins_term(&lease(1000), at(0), &endless) && begins_term(&endless, at(0), &lease(1000)));
    }

    proptest! {
        #[test]
        fn renewal_comes_before_return_and_return_before_the_end(
            term in 0..9_000_000_u64, length in 1..3_000_000_u64, made in 0..9_000_000_u64,
        ) {
            let made = at(made.min(term));
            let (lease, term) = (lease(term + length), at(term));
            let returned = return_at(&lease, term).unwrap();
            prop_assert!(returned >= term && returned < lease.expires_at.unwrap());
            if let Some(renewed) = renew_at(&lease, (made, term), LONGEST) {
                prop_assert!(renewed <= returned);
                let extension = extension(&lease, (made, term), renewed, LONGEST).unwrap();
                prop_assert!(renewed.plus(extension) <= made.plus(LONGEST).max(lease.expires_at.unwrap()));
            }
        }
    }
}
