//! Limits how often a rule repeats a call that lost a race.

/// The number of times that a rule repeats a call because another caller was faster. The few other callers of a rule
/// change the same object less often, so a call that loses more races is starved, and the rule fails.
pub(crate) const MOST_LOST_RACES: usize = 200;
