//! Tests storage engines.
//!
//! A subject is a [`StorageSubject`]: a name, and a function that opens the engine in a folder. [`suite`] returns the
//! rules. [`mutants`] holds subjects with deliberate faults, to prove that the rules catch these faults.

mod clauses;
mod fixture;
pub mod mutants;
mod rules;
mod subject;

pub use subject::StorageSubject;

use std::sync::Arc;

use crate::{Candidate, Suite};

/// Makes the suite of the rules for storage engines. Their ids begin with `STO-`.
pub fn suite() -> Suite<StorageSubject> {
    Suite { kind: "storage", rules: rules::all(), clauses: clauses::CLAUSES }
}

impl From<StorageSubject> for Candidate {
    fn from(subject: StorageSubject) -> Self {
        Self::new(suite(), Arc::new(subject))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_rules_cover_their_clauses() {
        crate::check_rules(&super::suite()).unwrap();
    }
}
