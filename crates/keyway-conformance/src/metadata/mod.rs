//! The suite for metadata: what a plugin says about itself, whatever its kind.
//!
//! `register!` refuses most of what is wrong at compile time; the suite looks at the
//! document that comes out, as another program would read it, and so also at metadata that
//! came from elsewhere.

mod clauses;
mod fixture;
pub mod mutants;
mod rules;
mod subject;

pub use subject::{DescribedPlugin, MetadataSubject, RegisteredPlugin};

use std::sync::Arc;

use crate::{Candidate, Suite};

/// The rules for metadata: `MET-001` and on.
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
