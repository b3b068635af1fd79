//! Accepts that a plugin breaks a rule, with a written reason and an end.

/// Names a rule that a subject is known to break, the reason, and the version that ends the
/// exception.
///
/// An exclusion is stale if its rule is kept, skipped or unknown, and expired from the version
/// `until` on. Both fail the run, so that no exclusion is forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// The id of the rule.
    pub rule: &'static str,
    /// Why the subject breaks the rule, and why that is acceptable. Not empty.
    pub reason: &'static str,
    /// The first version of the subject that must keep the rule.
    pub until: keyway_core::Version,
}
