//! The suite for issuers, linked or executable.
//!
//! An issuer is given as an [`IssuerSubject`]: its plugin and an [`IssuerExample`], a request
//! that it answers with a credential. An executable is one too ([`Executable`]): the same rules
//! are run through the wire format, and those about the boundary of a process in addition.
//! [`suite`] has the rules, [`mutants`] what they are proved with.

mod clauses;
mod example;
mod executable;
pub mod mutants;
mod place;
#[cfg(feature = "executables")]
mod process;
mod rules;
mod subject;

pub use example::{ExampleError, IssuerExample};
pub use executable::{Executable, ExecutableInput, Printed};
pub use subject::IssuerSubject;

use std::sync::Arc;

use crate::{Candidate, Suite};

/// The rules for issuers: `ISS-001` and on; from `ISS-101` on those for executables alone.
pub fn suite() -> Suite<IssuerSubject> {
    Suite { kind: "issuer", rules: rules::all(), clauses: clauses::CLAUSES }
}

impl From<IssuerSubject> for Candidate {
    fn from(subject: IssuerSubject) -> Self {
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
