//! The one notation of the suites: rules, the fixture that they run in, and mutants.

mod clauses;
mod fixture;
mod mutants;
#[cfg(any(feature = "issuers", feature = "secrets"))]
mod needs;
mod rules;

pub(crate) use clauses::clauses;
pub(crate) use fixture::Fixture;
pub(crate) use mutants::mutants;
#[cfg(any(feature = "issuers", feature = "secrets"))]
pub(crate) use needs::needs;
pub(crate) use rules::{need, rules};
