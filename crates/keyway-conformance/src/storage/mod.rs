//! The suite for storage engines.
//!
//! An engine is given as a [`StorageSubject`]: a name and a function that opens it in a
//! folder. [`suite`] has the rules, [`mutants`] what they are proved with.

mod clauses;
mod fixture;
pub mod mutants;
mod rules;
mod subject;

pub use subject::StorageSubject;

use std::sync::Arc;

use crate::{Candidate, Suite};

/// The rules for storage engines: `STO-001` and on.
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
