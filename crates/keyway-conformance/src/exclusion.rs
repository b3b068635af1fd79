//! Exclusions: accepted exceptions to rules, each with a written reason and an end.

/// A rule that a subject is known to break, with the reason, and with the version that ends the exception.
///
/// An exclusion is stale if the subject keeps the rule, or if the rule is skipped or unknown. An exclusion expires when
/// the subject reaches the version `until`. A stale or expired exclusion fails the run, so that no exclusion is
/// forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// The id of the rule.
    pub rule: &'static str,
    /// Why the subject breaks the rule, and why that is acceptable. Must not be empty.
    pub reason: &'static str,
    /// The first version of the subject that must keep the rule.
    pub until: keyway_core::Version,
}
