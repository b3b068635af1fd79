//! Tests storage engines.
//!
//! A subject is a [`StorageSubject`]: a name, and a function that opens the engine in a folder.
//! [`suite`] holds the rules, and [`mutants`] the subjects that prove them.

mod clauses;
mod fixture;
pub mod mutants;
mod rules;
mod subject;

pub use subject::StorageSubject;

use std::sync::Arc;

use crate::{Candidate, Suite};

/// Makes the suite of the rules for storage engines: `STO-001` and on.
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
