//! Rules that a plugin is known to break, each with a written reason and an end.

/// Says that a subject is known to break a rule, why that is accepted, and until when.
///
/// An exclusion of a rule that is kept, that does not exist or that is skipped is stale, and one
/// whose version has come has expired: both fail the run, so that nobody forgets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// The id of the rule.
    pub rule: &'static str,
    /// Why it is broken and why that is accepted. Not empty.
    pub reason: &'static str,
    /// The first version of the subject in which the rule must be kept.
    pub until: keyway_core::Version,
}
