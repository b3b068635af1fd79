//! The engine for issuers.
//!
//! [`Grants`] keeps the services of a host, and a record of each credential that was made for its users. A user
//! requests a credential, gets it once, and revokes it later. The host keeps the *state* by which the plugin recognizes
//! the credential, never the credential itself (WaTTS seed).
//!
//! ```
//! # mod plugin {
//! # use keyway_issuers::{
//! #     Capabilities, CredentialPart, CredentialRequest, Description, Issued, Issuer, IssuerError, RequestOutcome,
//! #     Revocation, async_trait,
//! # };
//! # #[derive(Debug)]
//! # pub struct Passwords;
//! # #[async_trait]
//! # impl Issuer for Passwords {
//! #     fn capabilities(&self) -> Capabilities { Capabilities::MINIMAL }
//! #     async fn describe(&self) -> Result<Description, IssuerError> {
//! #         let description = Description::builder("1.0.0").text("realm", "").set([]).build();
//! #         description.map_err(|error| IssuerError::system("describe itself", error))
//! #     }
//! #     async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
//! #         let realm = request.context.configuration.text("realm").unwrap_or_default();
//! #         let intent = request.context.intent.as_ref().map_or("none", |intent| intent.as_str());
//! #         let state = format!("{realm}/{intent}");
//! #         Ok(Issued::new(state).with(CredentialPart::text("password", "correct horse")).into())
//! #     }
//! #     async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> { Ok(()) }
//! # }
//! # }
//! use std::sync::Arc;
//!
//! use keyway_core::Registry;
//! use keyway_host::Host;
//! use keyway_host::grants::{GrantOutcome, GrantRequest, Phase, Revoked, Service};
//! use keyway_issuers::{ServiceName, UserInfo};
//! use keyway_seal::{Key, KeyRing};
//! use keyway_storage::Memory;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A plugin of the registry would be named by its id: `Service::new(door, "passwords")`.
//! let door = ServiceName::new("door")?;
//! let service = Service::with_issuer(door.clone(), Arc::new(plugin::Passwords))
//!     .configure("realm", "cellar")
//!     .allow(|user: &UserInfo| user.issuer() == "https://issuer.example.com")
//!     .limit(2);
//! let (registry, keys) = (Registry::builder().build()?, KeyRing::new([Key::generate()?])?);
//! let host = Host::builder(registry, Arc::new(Memory::new()), keys).service(service).start().await?;
//! let grants = host.grants();
//!
//! let joe = UserInfo::new("https://issuer.example.com", "joe");
//! let outcome = grants.request(&door, GrantRequest::new(joe.clone())).await?;
//! let GrantOutcome::Granted(issued) = outcome else { panic!("no other login is asked for") };
//! assert_eq!(issued.credential[0].expose_value(), "correct horse");
//!
//! let listed = grants.list(&joe.user_id()).await?;
//! assert_eq!((listed[0].id, listed[0].state.phase), (issued.grant, Phase::Granted));
//! assert_eq!(grants.revoke(issued.grant, joe).await?, Revoked::Destroyed);
//!
//! let eve = UserInfo::new("https://elsewhere.example.com", "eve");
//! let refused = grants.request(&door, GrantRequest::new(eve)).await.unwrap_err();
//! assert_eq!(refused.user_message(), "You are not allowed to use this service.");
//! # Ok(())
//! # }
//! ```
//!
//! [`Host::run`](crate::Host::run) recovers after a crash, and retries failed work.
//!
//! # The gate
//!
//! A request must pass four checks, in this order: the [user](Service::allow) may use the service; the service is
//! [enabled](Service::enabled) and without [faults](ServiceView::faults); the parameters fit one of the plugin's sets;
//! and the user has fewer grants than the [limit](Service::limit) (decision W5). A grant counts if its credential
//! exists or may exist: requests in flight, grants, failed revocations, and indeterminate grants all count. The count
//! is a separate record, which changes in the same atomic batch as the intent, so the limit holds for any number of
//! requests on any number of hosts. Revocations are not subject to the gate.
//!
//! # Plugins that fail
//!
//! | the plugin | the user gets | the grant |
//! | --- | --- | --- |
//! | refuses, or says that nothing happened | [`GrantsError::Issuer`] | is gone |
//! | panics, hangs, fails with an unknown effect | [`GrantsError::Uncertain`] | the plugin is [asked](keyway_issuers::Issuer::reconcile) later if it can tell; else [`Phase::Indeterminate`], until a person [decides](Grants::decide) |
//! | returns a state that a grant has | [`DuplicatePolicy`]: an error, or the old grant | the old grant counts the [orphan](GrantState::orphans); nothing is revoked (decision W6) |
//! | returns a state with a secret in it (decision W8), or a huge one | [`GrantsError::Discarded`] | the credential is revoked from memory, several times if need be; if that fails, `Indeterminate` without the state |
//! | breaks the contract and names a credential | [`GrantsError::Discarded`] | is revoked, until that works |
//! | does not revoke | [`GrantsError::NotRevoked`] | stays, and is tried again as [`Retries`] says |
//!
//! If the storage engine fails after the plugin's answer, the host checks whether the grant was stored. If it was not,
//! and no grant has the same state, the new credential is revoked.
//!
//! # Crashes
//!
//! The host first stores the intent, then calls the plugin with the intent's id, and then stores the answer (decision
//! R2). After a crash the host finds the open intents:
//!
//! | the host finds | and then |
//! | --- | --- |
//! | [`Phase::Intended`], and the plugin reconciles | the plugin is asked; the grant exists ([undelivered](GrantState::undelivered)) or is gone |
//! | [`Phase::Intended`], and the plugin does not reconcile | [`Phase::Indeterminate`]: listed by [`Grants::undecided`] |
//! | [`Phase::Intended`], and the caller repeats the request by its own id, and the plugin is idempotent | the plugin is asked again: one credential, handed out |
//! | [`Phase::Revoking`] | it is revoked again |
//!
//! # Several hosts
//!
//! Every commit is conditional on the revision that was read, so hosts may share a storage engine. During a plugin's
//! call, the host has a claim on the grant. The claim lasts longer than the plugin's deadline. Another host takes the
//! grant over only after it has seen the claim unchanged for the claim's full duration, measured by that host's
//! monotonic clock (decision R5). The next run of a host with the same [name](crate::HostBuilder::name) takes the grant
//! over at once. The host that lost its claim notices this at its next commit. If the plugin returns a credential to
//! that host, this late credential is accepted if the grant still exists and has none, and revoked otherwise.
//!
//! # Limits
//!
//! * A credential that was not handed out (the process ended, or the caller's future was dropped)
//!   is not revoked automatically, since the user may know its values, as with an uploaded public
//!   key. [`GrantState::undelivered`] marks it.
//! * The claims of the login are stored, sealed, so that a retried revocation sends the plugin the
//!   same claims. Tokens, further logins and parameters are not stored.
//! * An abort, an exit, a stack overflow or a lack of memory ends the process. With `panic = "abort"`, a panic ends it,
//!   too. The host recovers after the restart.
//! * A rollback of the storage engine to an older copy is not detected.

mod engine;
mod error;
mod id;
mod issuer;
mod lent;
mod machine;
mod outcome;
mod record;
mod request;
mod service;
mod workflow;

pub use crate::plugin::Isolation;
pub use crate::work::{Limits, Retries};
pub(crate) use engine::GrantSettings;
pub use engine::Grants;
pub use error::{Disposal, GrantsError};
pub use id::{GrantId, InvalidGrantId};
pub use keyway_issuers::Requester;
pub use machine::{Decision, DuplicatePolicy, GrantState, IndeterminateReason, Phase, TransitionError};
pub use outcome::{Grant, GrantOutcome, GrantPage, IssuedCredential, Revoked};
pub use request::GrantRequest;
pub use service::{Allow, Service, ServiceFault, ServiceView};
