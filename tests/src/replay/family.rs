//! The kinds of vectors, and their adapters.

use super::{Adapter, barbican, convection, locker, sps, watts};

/// The place at which a file states the kind of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The field `kind`.
    OwnField,
    /// The beginning of `id`.
    BeginningOfId,
}

/// Whether one kind of vectors is replayed.
#[derive(Clone, Copy)]
pub enum Scope {
    /// The vectors are replayed.
    Replayed(&'static dyn Adapter),
    /// The vectors are not replayed, because the project leaves out the part of upstream that they test.
    OutOfScope,
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Replayed(_) => "Replayed",
            Self::OutOfScope => "OutOfScope",
        })
    }
}

/// The vectors of one upstream system.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The name of the system.
    pub name: &'static str,
    /// The place of a vector's kind.
    pub form: Form,
    /// The kinds of the system's vectors.
    pub kinds: &'static [(&'static str, Scope)],
}

/// Returns all families.
pub fn families() -> [Family; 5] {
    [convection::FAMILY, locker::FAMILY, watts::FAMILY, barbican::FAMILY, sps::FAMILY]
}

/// Tells whether the vectors of `kind` are replayed. Returns `None` for an unknown kind.
pub fn scope_of(kind: &str) -> Option<Scope> {
    families()
        .iter()
        .flat_map(|family| family.kinds)
        .find(|(known, _)| *known == kind)
        .map(|(_, scope)| *scope)
}

/// Returns the longest known kind that is a prefix of `id` up to a dot or a hyphen, or else the whole id.
pub(super) fn kind_of_id(id: &str) -> String {
    let families = families();
    let known =
        families.iter().filter(|family| family.form == Form::BeginningOfId).flat_map(|family| family.kinds);
    let fitting = known.map(|(kind, _)| *kind).filter(|kind| {
        id.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
    });
    fitting.max_by_key(|kind| kind.len()).unwrap_or(id).to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_kind_stands_twice() {
        let mut seen = BTreeSet::new();
        for family in families() {
            for (kind, _) in family.kinds {
                assert!(seen.insert(*kind), "{kind}");
            }
        }
    }

    #[test]
    fn a_kind_ends_at_a_dot_or_a_hyphen() {
        assert_eq!(kind_of_id("state-001"), "state");
        assert_eq!(kind_of_id("statement-001"), "statement-001");
        assert_eq!(kind_of_id("go.env.get"), "go.env");
        assert_eq!(kind_of_id("go.envs"), "go.envs");
        assert_eq!(kind_of_id("go.environment.get"), "go.environment.get");
        assert_eq!(kind_of_id("v1.table.None.not_found"), "v1.table");
    }
}
