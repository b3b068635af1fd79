//! Tests secret stores (contract 1).
//!
//! A plugin's crate tests its stores like this:
//!
//! ```no_run
//! # fn test(plugin: &'static dyn keyway_secrets::SecretStorePlugin, metadata: keyway_core::PluginMetadata) {
//! use std::sync::Arc;
//! use keyway_conformance::{RunOptions, secrets};
//!
//! let subject = secrets::SecretStoreSubject::new("my-store", plugin, metadata);
//! let report = secrets::suite().run(&Arc::new(subject), &RunOptions::default());
//! assert!(report.succeeded());
//! # }
//! ```

mod clauses;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
mod client_fixture;
mod countdown;
mod expected_error;
#[cfg(feature = "client")]
mod fault_plan;
mod fixture;
mod generation_example;
mod kept;
mod killed_run;
mod lent_storage;
pub mod mutants;
mod operations;
mod polls;
mod recorded;
mod reference;
mod rules;
mod samples;
mod snapshot;
mod subject;
#[cfg(all(test, feature = "client"))]
pub(crate) mod tests;

pub use generation_example::GenerationExample;
pub use reference::{cached, foreign, limitless, minimal, reference, strange};
pub use subject::SecretStoreSubject;

use crate::Suite;

/// Makes the suite of all rules, sorted by id.
pub fn suite() -> Suite<SecretStoreSubject> {
    Suite { kind: "secret", rules: rules::all(), clauses: clauses::CLAUSES }
}
