//! The suite for credential stores, and a store that follows a script.
//!
//! A store is given as a [`CredentialSubject`]: its plugin, and an account that has credentials. [`suite`] has the
//! rules, and [`mutants`] has the mutants that prove them. [`ScriptedStore`] is the reference of the suite, and is also
//! meant for the tests of engines and hosts.
//!
//! ```
//! use keyway_conformance::credentials::{CredentialSubject, ScriptedStore};
//! use keyway_conformance::{Candidate, Format, RunOptions};
//! use keyway_core::PluginMetadata;
//!
//! // A registered plugin has its metadata, and becomes a subject by `CredentialSubject::of`.
//! let metadata = PluginMetadata::from_json(
//!     r#"{"version": "1.0.0", "author": "Ada <ada@example.org>", "updated": 20261129, "compatibility": "==:1",
//!         "plugin": {"name": "Scripted", "type": "Credential", "description": "Follows a script"}}"#,
//! )?;
//! let plugin: &'static ScriptedStore = Box::leak(Box::new(ScriptedStore::new().with_account("root")));
//! let subject = CredentialSubject::new("scripted", plugin, metadata).found("root", "web1");
//! let report = Candidate::from(subject).run(&RunOptions::default().only("CRE-01"));
//! assert!(report.succeeded(), "{}", report.format(Format::Table));
//! # Ok::<(), keyway_core::MetadataError>(())
//! ```
//!
//! | you tell the kit | so it can prove that |
//! | --- | --- |
//! | [`CredentialSubject::found`] | credentials are found, leased, and checked in |
//! | [`CredentialSubject::denied`], [`needs_info`](CredentialSubject::needs_info), [`unavailable`](CredentialSubject::unavailable) | a vault that gives no credentials says why |
//! | [`CredentialSubject::failing`] | a fetch that fails leaves no lease behind |
//! | [`CredentialSubject::diverged`] | a verification tells the truth |
//! | [`CredentialSubject::session`] | a store that needs facts of the session gets them |
//! | [`CredentialSubject::generator`] | assets of the store's own are listed |
//! | [`CredentialSubject::held`] | what was checked out is held, and what was checked in is not |
//! | [`CredentialSubject::notices`] | an event of a session has one effect |
//!
//! # What stays at the vault
//! When a rule has ended, the kit checks in its check-outs. Do not test on a vault that matters.
//!
//! Each call is made on a new handle, and the cookies are read from the text that a host stores (decision S9). A
//! one-time code is requested once in a period of the kit's clock.

mod clauses;
mod fixture;
mod given;
pub mod mutants;
mod rules;
mod scripted;
mod session;
mod subject;
mod target;

pub use crate::scripted::Fault;
pub use scripted::{NoCredentials, ScriptedStore, Step, StoreCall, StoreEntry};
pub use subject::{CredentialSubject, ToldOfCredentials};
pub use target::{ScriptedTarget, TargetFault};

use crate::Suite;

/// Makes the suite of the rules for credential stores, sorted by id.
pub fn suite() -> Suite<CredentialSubject> {
    Suite { kind: "credential", rules: rules::all(), clauses: clauses::CLAUSES }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_rules_cover_their_clauses() {
        crate::check_rules(&super::suite()).unwrap();
    }
}
