//! Tests the metadata of a plugin of any kind.
//!
//! `register!` refuses most faults at compile time. The suite reads the resulting document as
//! another program would, so it can also test metadata from other sources.

mod clauses;
mod fixture;
pub mod mutants;
mod rules;
mod subject;

pub use subject::{DescribedPlugin, MetadataSubject, RegisteredPlugin};

use std::sync::Arc;

use crate::{Candidate, Suite};

/// Makes the suite of the rules for metadata. Their ids begin with `MET-`.
pub fn suite() -> Suite<dyn MetadataSubject> {
    Suite { kind: "metadata", rules: rules::RULES.iter().collect(), clauses: clauses::CLAUSES }
}

impl From<RegisteredPlugin> for Candidate {
    fn from(subject: RegisteredPlugin) -> Self {
        Self::new::<dyn MetadataSubject>(suite(), Arc::new(subject))
    }
}

impl From<DescribedPlugin> for Candidate {
    fn from(subject: DescribedPlugin) -> Self {
        Self::new::<dyn MetadataSubject>(suite(), Arc::new(subject))
    }
}
