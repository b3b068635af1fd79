//! What a user interface needs.

use super::ParameterSet;

/// What a user interface needs to know about an issuer's sets of parameters (decision W9;
/// WaTTS seed, the buttons `Request` and `Advanced`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserInterface<'a> {
    /// A request may be made without parameters: there is an empty set, or one without
    /// mandatory parameters.
    pub without_parameters: bool,
    /// There are parameters to enter: there is a set that is not empty.
    pub further_sets: bool,
    /// The sets, in the issuer's order, the empty one among them.
    pub sets: &'a [ParameterSet],
}

impl<'a> UserInterface<'a> {
    pub(super) fn of(sets: &'a [ParameterSet]) -> Self {
        Self {
            without_parameters: sets.iter().any(ParameterSet::needs_nothing),
            further_sets: sets.iter().any(|set| !set.is_empty()),
            sets,
        }
    }
}
