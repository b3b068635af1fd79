//! Defines the notation of all suites: rules, fixtures and mutants.

mod fixture;
mod mutants;
#[cfg(any(feature = "issuers", feature = "secrets"))]
mod needs;
mod rules;

pub(crate) use fixture::Fixture;
pub(crate) use mutants::mutants;
#[cfg(any(feature = "issuers", feature = "secrets"))]
pub(crate) use needs::needs;
pub(crate) use rules::{need, rules};
