//! The suite for certificate authorities, and an authority that follows a script.
//!
//! An authority is given as a [`CertificateSubject`]: its plugin and an [`OrderExample`], an order that ends in a
//! certificate. [`suite`] has the rules, and [`mutants`] has the mutants that prove them. [`ScriptedCa`] is the
//! reference of the suite, and is also meant for the tests of engines and hosts.
//!
//! ```
//! use keyway_conformance::certificates::{CertificateSubject, ScriptedCa};
//! use keyway_conformance::{Candidate, Format, RunOptions};
//! use keyway_core::PluginMetadata;
//!
//! // A registered plugin has its metadata, and becomes a subject by `CertificateSubject::of`.
//! let metadata = PluginMetadata::from_json(
//!     r#"{"version": "1.0.0", "author": "Ada <ada@example.org>", "updated": 20261129, "compatibility": "==:1",
//!         "plugin": {"name": "Scripted", "type": "Certificate", "description": "Follows a script"}}"#,
//! )?;
//! let plugin: &'static ScriptedCa = Box::leak(Box::new(ScriptedCa::new()));
//! let report = Candidate::from(CertificateSubject::new("scripted", plugin, metadata))
//!     .run(&RunOptions::default().only("CER-00"));
//! assert!(report.succeeded(), "{}", report.format(Format::Table));
//! # Ok::<(), keyway_core::MetadataError>(())
//! ```
//!
//! | the more the kit is told | the more it can prove |
//! | --- | --- |
//! | [`CertificateSubject::example`] | that an order ends in a certificate |
//! | [`CertificateSubject::refused`] | that the authority refuses the order, and that the refusal has no effect |
//! | [`CertificateSubject::changed`] | that an order takes new data |
//! | [`CertificateSubject::issues`] | that a certificate is the ordered one |
//! | [`CertificateSubject::days_field`] | that a certificate is valid for as long as the order asks |
//! | [`CertificateSubject::listing`] | that a call has the effects that it should have, and no others |
//!
//! # What stays at the authority
//! When a rule has ended, the kit cancels its orders that are still open, if the authority can cancel orders. If a rule
//! ends early, certificates and subordinate authorities remain. Do not test on an authority that matters.
//!
//! Whether a certificate is the ordered one, with its key, its names and its chain, is judged only if
//! [`CertificateSubject::issues`] says that the certificates are real. The certificates of [`ScriptedCa`] are not real,
//! because it has one certificate for all orders. Without [`CertificateSubject::issues`] the kit only checks that a
//! certificate is a PEM text, and the report names the rules that are skipped.

mod clauses;
mod example;
mod fixture;
mod handle;
pub mod mutants;
mod requests;
mod rules;
mod scripted;
mod subject;
mod tested_order;

pub use crate::scripted::Fault;
pub use example::OrderExample;
pub use scripted::{CaCall, CaEffect, ScriptedCa, Step};
pub use subject::{CertificateSubject, ToldOfCertificates};

use crate::Suite;

/// Makes the suite of the rules for certificate authorities, sorted by id.
pub fn suite() -> Suite<CertificateSubject> {
    Suite { kind: "certificate", rules: rules::all(), clauses: clauses::CLAUSES }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_rules_cover_their_clauses() {
        crate::check_rules(&super::suite()).unwrap();
    }
}
