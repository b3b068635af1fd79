//! Compares the authorities that a plugin lists with those that owners created.

use std::collections::{BTreeMap, BTreeSet};

use keyway_certificates::{AuthorityName, CaId, CaInformation, Owner};

use super::workflow::SubordinateWorkflow;
use crate::records::Entry;

/// The subordinate authorities of one connection, according to the host's records at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::orders) struct Known {
    /// The owner of each authority, by the plugin's own id of the authority.
    pub(in crate::orders) owned: BTreeMap<CaId, Owner>,
    /// The names of the authorities whose creation is not settled.
    pub(super) open: BTreeSet<String>,
}

impl Known {
    /// Reads the authorities of one connection from the records of all connections.
    pub(in crate::orders) fn of(
        authority: &AuthorityName,
        records: &[Box<Entry<SubordinateWorkflow>>],
    ) -> Self {
        let mut known = Self::default();
        for entry in records.iter().filter(|entry| entry.fixed.authority == *authority) {
            match entry.state.as_ref().map(|state| &state.ca) {
                Some(Some(ca)) => drop(known.owned.insert(ca.clone(), entry.fixed.owner.clone())),
                Some(None) => drop(known.open.insert(entry.fixed.name.clone())),
                None => {}
            }
        }
        known
    }

    /// Returns the authorities that have an owner in `before`, but none in `self`.
    pub(in crate::orders) fn left<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a CaId> {
        before.owned.keys().filter(|ca| !self.owned.contains_key(*ca))
    }

    /// Returns the authorities of a plugin's answer that may be shown: the base authorities, and those with an owner.
    ///
    /// `before` and `self` are the records before and after the plugin was asked. The plugin may list an authority
    /// whose creation is not settled, or that was deleted after the plugin's answer. `self` names no owner for it, so
    /// it would look like a base authority, which everybody may use. Both readings of the records are needed to leave
    /// out every such authority. `listed` looks up an authority in the host's table, which knows authorities that were
    /// created after the plugin's answer.
    pub(in crate::orders) fn shown(
        &self,
        before: &Self,
        mut answer: Vec<CaInformation>,
        listed: impl Fn(&CaId) -> Option<CaInformation>,
    ) -> Vec<CaInformation> {
        let is_unsettled = |ca: &CaInformation| {
            before.owned.contains_key(&ca.id)
                || [before, self].iter().any(|known| known.open.contains(&ca.name))
        };
        answer.retain(|ca| self.owned.contains_key(&ca.id) || !is_unsettled(ca));
        for id in self.owned.keys().filter(|id| !before.owned.contains_key(*id)) {
            if !answer.iter().any(|ca| ca.id == *id) {
                answer.extend(listed(id));
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 3] = ["One", "Two", "Three"];

    fn id(number: usize) -> CaId {
        CaId::new(format!("sub-{number}")).unwrap()
    }

    /// The stages of a subordinate authority's life. Each number is the moment at which a stage begins.
    #[derive(Clone, Debug)]
    struct Life {
        intended: u8,
        created: u8,
        stored: u8,
        deleted: u8,
        gone: u8,
    }

    fn life() -> impl Strategy<Value = Life> {
        prop::collection::vec(0..40_u8, 5).prop_map(|mut at| {
            at.sort_unstable();
            Life { intended: at[0], created: at[1], stored: at[2], deleted: at[3], gone: at[4] }
        })
    }

    fn known(lives: &[Life], now: u8) -> Known {
        let mut known = Known::default();
        for (number, life) in lives.iter().enumerate() {
            if now >= life.intended && now < life.stored {
                known.open.insert(NAMES[number].to_owned());
            } else if now >= life.stored && now < life.gone {
                known.owned.insert(id(number), Owner::new("joe").unwrap());
            }
        }
        known
    }

    proptest! {
        /// Tests that an authority is shown with its owner or not at all, whenever the records are read and the plugin
        /// is asked. The only exception is an authority whose whole life fits between the two readings of the records.
        #[test]
        fn no_authority_of_an_owner_is_shown_to_all(
            lives in prop::collection::vec(life(), 3), mut times in prop::collection::vec(0..40_u8, 3),
        ) {
            times.sort_unstable();
            let [first, asked, last] = times[..] else { unreachable!() };
            let (before, after) = (known(&lives, first), known(&lives, last));
            let base = CaInformation::new(CaId::new("base").unwrap(), "Base");
            let listed = |(number, life): (usize, &Life)| {
                (asked >= life.created && asked < life.deleted)
                    .then(|| CaInformation::new(id(number), NAMES[number]))
            };
            let answer = std::iter::once(base.clone()).chain(lives.iter().enumerate().filter_map(listed)).collect();
            let shown = after.shown(&before, answer, |_| None);
            prop_assert!(shown.contains(&base));
            for ca in shown.iter().filter(|ca| **ca != base) {
                let life = &lives[NAMES.iter().position(|name| *name == ca.name).unwrap()];
                let between = first < life.intended && life.gone <= last;
                prop_assert!(after.owned.contains_key(&ca.id) || between, "{ca:?} {life:?}");
            }
        }
    }

    #[test]
    fn one_that_was_created_after_the_answer_stays() {
        let made = || CaInformation::new(id(0), NAMES[0]);
        let after = Known { owned: [(id(0), Owner::new("joe").unwrap())].into(), ..Known::default() };
        let before = Known { open: [NAMES[0].to_owned()].into(), ..Known::default() };
        assert_eq!(after.shown(&before, Vec::new(), |_| Some(made())), [made()]);
        // The plugin no longer lists the authority, so the authority does not exist any more.
        assert_eq!(after.shown(&after, Vec::new(), |_| Some(made())), []);
    }
}
