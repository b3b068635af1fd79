//! Which kinds of vectors there are, and who replays them.

use super::{Adapter, convection, locker, watts};

/// Where a file of vectors says of which kind each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In a field `kind`.
    OwnField,
    /// At the beginning of `id`.
    BeginningOfId,
}

/// What is done with vectors of a kind.
#[derive(Clone, Copy)]
pub enum Scope {
    /// They are replayed.
    Replayed(&'static dyn Adapter),
    /// The plan puts them out of scope.
    OutOfScope,
    /// They are in scope, and what they test is not built yet.
    Later,
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Replayed(_) => "Replayed",
            Self::OutOfScope => "OutOfScope",
            Self::Later => "Later",
        })
    }
}

/// The vectors of one upstream system.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// What the system is called.
    pub name: &'static str,
    /// Where its vectors say of which kind they are.
    pub form: Form,
    /// Its kinds.
    pub kinds: &'static [(&'static str, Scope)],
}

/// All families.
pub fn families() -> [Family; 3] {
    [convection::FAMILY, locker::FAMILY, watts::FAMILY]
}

/// What is done with vectors of `kind`; `None` when nobody knows the kind.
pub fn scope_of(kind: &str) -> Option<Scope> {
    families()
        .iter()
        .flat_map(|family| family.kinds)
        .find(|(known, _)| *known == kind)
        .map(|(_, scope)| *scope)
}

/// The longest known kind that `id` begins with, up to a dot; the whole id when there is none.
pub(super) fn kind_of_id(id: &str) -> String {
    let families = families();
    let known =
        families.iter().filter(|family| family.form == Form::BeginningOfId).flat_map(|family| family.kinds);
    let fitting = known
        .map(|(kind, _)| *kind)
        .filter(|kind| id.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')));
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
    fn a_kind_ends_at_a_dot() {
        assert_eq!(kind_of_id("go.env.get"), "go.env");
        assert_eq!(kind_of_id("go.envs"), "go.envs");
        assert_eq!(kind_of_id("go.environment.get"), "go.environment.get");
        assert_eq!(kind_of_id("v1.table.None.not_found"), "v1.table");
    }
}
