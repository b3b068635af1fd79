//! Judges the reports of a rotation. This is pure.

use keyway_secrets::{Progress, RotationListener};

use super::verdict::Violation;

/// The reports of a rotation so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported {
    latest: Progress,
    /// The largest total so far.
    most: u64,
    /// How often the rotation advanced.
    advances: u64,
    is_broken: bool,
}

impl Reported {
    pub(super) const NOTHING: Self =
        Self { latest: Progress { done: 0, total: 0 }, most: 0, advances: 0, is_broken: false };

    /// Adds a report. Returns whether it says anything new.
    pub(super) fn add(&mut self, report: Progress) -> bool {
        if self.is_broken || report == self.latest {
            return false;
        }
        if report.done < self.latest.done || report.done > report.total {
            self.is_broken = true;
            return true;
        }
        // A store may first count its records, and reports a growing total meanwhile.
        self.advances += u64::from(report.done > self.latest.done || report.total > self.most);
        self.most = self.most.max(report.total);
        self.latest = report;
        true
    }

    /// Tells the listener what it does not know yet. Returns whether the rotation has advanced since `before`.
    pub(super) fn tell(&self, before: &Self, listener: &dyn RotationListener) -> bool {
        if self.latest != before.latest {
            listener.progressed(self.latest);
        }
        self.advances > before.advances
    }

    pub(super) fn verdict(&self) -> Result<(), Violation> {
        if self.is_broken { Err("its progress goes backwards or past the end".to_owned()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advances(reports: &[(u64, u64)]) -> (u64, bool) {
        let mut reported = Reported::NOTHING;
        for (done, total) in reports {
            reported.add(Progress { done: *done, total: *total });
        }
        (reported.advances, reported.verdict().is_err())
    }

    #[test]
    fn only_a_growing_count_is_an_advance() {
        assert_eq!(advances(&[(0, 1000), (0, 2000), (500, 2000), (2000, 2000)]), (4, false));
        assert_eq!(advances(&[(1, 10), (1, 10), (1, 10)]), (1, false));
        // The total is an estimate and may vary, which is no advance.
        assert_eq!(advances(&[(1, 10), (1, 9), (1, 10), (1, 9), (2, 9)]), (2, false));
    }

    #[test]
    fn the_first_violation_counts() {
        assert_eq!(advances(&[(2, 3), (1, 3), (3, 3)]), (1, true));
        assert_eq!(advances(&[(4, 3)]), (0, true));
    }
}
