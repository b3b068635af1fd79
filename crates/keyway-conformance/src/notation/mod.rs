//! Defines the notation of all suites: rules, fixtures and mutants.

mod clauses;
mod fixture;
mod mutants;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
mod needs;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "secrets", feature = "storage"))]
mod operations;
mod rules;

pub(crate) use clauses::clauses;
pub(crate) use fixture::Fixture;
pub(crate) use mutants::mutants;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
pub(crate) use needs::needs;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "secrets", feature = "storage"))]
pub(crate) use operations::operations;
pub(crate) use rules::{need, rules};
