//! Tests issuers: linked plugins and executables.
//!
//! A subject is an [`IssuerSubject`]: a plugin, and an [`IssuerExample`], which is a request that the plugin answers
//! with a credential. An executable can be a subject too ([`Executable`]): the same rules run over the wire format, and
//! further rules test the boundary of the process. [`suite`] returns the rules. [`mutants`] holds subjects with
//! deliberate faults, to prove that the rules catch these faults.
//!
//! ```
//! use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
//! use keyway_conformance::{Candidate, Format, RunOptions};
//! use keyway_core::PluginMetadata;
//! use keyway_issuers::{
//!     Capabilities, CredentialPart, CredentialRequest, Description, Issued, Issuer, IssuerError, IssuerPlugin,
//!     OpenContext, RequestOutcome, ParameterDescriptor, Revocation, async_trait,
//! };
//! use std::sync::Arc;
//!
//! #[derive(Debug)]
//! struct Greeter;
//!
//! impl IssuerPlugin for Greeter {
//!     fn open(&self, _: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
//!         Ok(Arc::new(Greeter))
//!     }
//! }
//!
//! #[async_trait]
//! impl Issuer for Greeter {
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::MINIMAL
//!     }
//!
//!     async fn describe(&self) -> Result<Description, IssuerError> {
//!         let name = ParameterDescriptor::mandatory("name", "name", "whom to greet");
//!         Description::builder("1.0.0")
//!             .set([name])
//!             .build()
//!             .map_err(|error| IssuerError::system("describe itself", error))
//!     }
//!
//!     async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
//!         let name = request.parameters.text("name").unwrap_or_default();
//!         Ok(Issued::new("greeted").with(CredentialPart::textarea("greeting", format!("Hello, {name}"))).into())
//!     }
//!
//!     async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
//!         Ok(())
//!     }
//! }
//!
//! // A registered plugin has its metadata, and becomes a subject by `IssuerSubject::of`.
//! let metadata = PluginMetadata::from_json(
//!     r#"{"version": "1.0.0", "author": "Ada <ada@example.org>", "updated": 20261122, "compatibility": "==:1",
//!         "plugin": {"name": "Greeter", "type": "Issuer", "description": "Greets"}}"#,
//! )?;
//! let greeter = IssuerSubject::new("greeter", &Greeter, metadata)
//!     .example(IssuerExample::new().parameter("name", "Joe"));
//! let report = Candidate::from(greeter).run(&RunOptions::default());
//! assert!(report.succeeded(), "{}", report.format(Format::Table));
//! # Ok::<(), keyway_core::MetadataError>(())
//! ```
//!
//! | you tell the kit | so it can prove that |
//! | --- | --- |
//! | [`IssuerSubject::example`] | every offer of the description works |
//! | [`IssuerSubject::refused`] | a refusal has no effect |
//! | [`IssuerSubject::listing`] | answers are true: an issued credential exists, a revoked one is gone |
//!
//! To test an executable in any language, run `cargo xtask conformance --exec PATH`.
//!
//! # What remains after a run
//! The kit revokes the credentials of a rule when the rule ends. If an issuer panics in the middle of a rule, or cannot
//! revoke, credentials remain. Do not run the tests on a production service.

mod clauses;
mod example;
mod executable;
mod fixture;
mod handle;
pub mod mutants;
#[cfg(feature = "executables")]
mod process;
mod rules;
mod subject;

pub use example::{ExampleError, IssuerExample};
pub use executable::{Executable, ExecutableInput, Printed};
pub use subject::IssuerSubject;

/// The crate that configures real executables.
#[cfg(feature = "executables")]
pub use keyway_process;

use crate::Suite;

/// Makes the suite of the rules for issuers, sorted by id. Rules from `ISS-101` on are for executables only.
pub fn suite() -> Suite<IssuerSubject> {
    Suite { kind: "issuer", rules: rules::all(), clauses: clauses::CLAUSES }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_rules_cover_their_clauses() {
        crate::check_rules(&super::suite()).unwrap();
    }
}
