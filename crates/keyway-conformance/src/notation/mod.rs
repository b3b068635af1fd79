//! The one notation of the suites: rules, the fixture that they run in, and mutants.

mod fixture;
mod mutants;
mod rules;

pub(crate) use fixture::Fixture;
pub(crate) use mutants::mutants;
pub(crate) use rules::{need, needs, rules};
