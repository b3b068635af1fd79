//! The facts that a user interface needs about an issuer.

use super::ParameterSet;

/// The facts that a user interface needs about an issuer's sets of parameters.
///
/// See decision W9, and the buttons `Request` and `Advanced` in the WaTTS seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserInterface<'a> {
    /// Whether a request may come without parameters, because some set is empty or has no mandatory parameters.
    pub without_parameters: bool,
    /// Whether the user can enter parameters, because some set is not empty.
    pub further_sets: bool,
    /// The sets in the issuer's order, including the empty one.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ParameterDescriptor;

    #[test]
    fn the_buttons_of_the_seed() {
        let mandatory =
            || -> ParameterSet { [ParameterDescriptor::mandatory("a", "", "")].into_iter().collect() };
        let optional =
            || -> ParameterSet { [ParameterDescriptor::optional("a", "", "")].into_iter().collect() };
        for (sets, without_parameters, further_sets) in [
            (vec![ParameterSet::default()], true, false),
            (vec![mandatory()], false, true),
            (vec![mandatory(), ParameterSet::default()], true, true),
            (vec![optional()], true, true),
            (vec![mandatory(), optional()], true, true),
        ] {
            let interface = UserInterface::of(&sets);
            assert_eq!(
                (interface.without_parameters, interface.further_sets, interface.sets),
                (without_parameters, further_sets, &*sets)
            );
        }
    }
}
