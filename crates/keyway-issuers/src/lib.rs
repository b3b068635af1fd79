//! The contract for issuers: plugins that make credentials on request and destroy them again.
//!
//! It defines the operations of a plugin, the promises to a host, and the wire format by which any
//! executable can be such a plugin.
//!
//! An *issuer* represents a service: a cluster to log in to, a portal, a certificate authority. A user asks for a
//! *credential* for the service, and gets the credential in *parts*. The host keeps only the *state*, by which the
//! issuer recognizes a credential that it has to destroy. The operations are those of the WaTTS seed.
//!
//! ```text
//!   describe ──► the configuration and the parameters of a request
//!
//!                 request                          revoke
//!   (nothing) ─────────────► credential, state ─────────────► (nothing)
//!        │                                            │
//!        ├──► another login is needed, then again     └──► an error: it still exists
//!        └──► refused: nothing happened
//! ```
//!
//! | operation | does | needs the capability |
//! | --- | --- | --- |
//! | [`describe`](Issuer::describe) | describes the configuration and the parameters of a request | |
//! | [`request`](Issuer::request) | makes a credential, or asks for another login first | |
//! | [`revoke`](Issuer::revoke) | destroys the credential with a state | |
//! | [`reconcile`](Issuer::reconcile) | reports the outcome of a request or revocation after a crash | `reconciles` |
//!
//! # A complete plugin
//!
//! This one makes passwords and keeps their owners in memory.
//!
//! ```
//! # mod passwords {
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
//!
//! use keyway_issuers::{
//!     Capabilities, CredentialPart, CredentialRequest, Description, Issued, Issuer, IssuerError, IssuerPlugin,
//!     OpenContext, RequestOutcome, ParameterDescriptor, Revocation, async_trait,
//! };
//!
//! /// The plugin. Its name is in `register!`.
//! #[derive(Debug)]
//! pub struct Passwords;
//!
//! impl IssuerPlugin for Passwords {
//!     fn open(&self, _: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
//!         Ok(Arc::new(Door::default()))
//!     }
//! }
//!
//! /// One service: a map from states to the users that may enter, and the number of the last state.
//! #[derive(Debug, Default)]
//! struct Door(Mutex<(BTreeMap<String, String>, u64)>);
//!
//! impl Door {
//!     fn guests(&self) -> MutexGuard<'_, (BTreeMap<String, String>, u64)> {
//!         self.0.lock().unwrap_or_else(PoisonError::into_inner)
//!     }
//! }
//!
//! #[async_trait]
//! impl Issuer for Door {
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::MINIMAL
//!     }
//!
//!     async fn describe(&self) -> Result<Description, IssuerError> {
//!         Description::builder("1.0.0")
//!             .text("banned", "")
//!             .set([]) // A request may come without parameters,
//!             .set([ParameterDescriptor::mandatory("name", "name", "how the door shall greet you")])
//!             .build()
//!             .map_err(|error| IssuerError::system("describe itself", error))
//!     }
//!
//!     async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
//!         let subject = request.context.requester.user_info.subject();
//!         // The configuration comes with the call, with a value for every described name.
//!         if request.context.configuration.text("banned") == Some(subject) {
//!             return Err(IssuerError::refused("Sorry, you may not enter.", format!("{subject} is banned")));
//!         }
//!         let (guests, last) = &mut *self.guests();
//!         // A state is never used again, also after a revocation.
//!         *last += 1;
//!         let state = format!("guest-{last}");
//!         let name = request.parameters.text("name").unwrap_or(subject);
//!         guests.insert(state.clone(), name.to_owned());
//!         // A real issuer asks the system's random source.
//!         Ok(Issued::new(state).with(CredentialPart::text("password", "correct horse")).into())
//!     }
//!
//!     async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
//!         // Revoking a missing credential succeeds.
//!         self.guests().0.remove(revocation.state.as_str());
//!         Ok(())
//!     }
//! }
//!
//! keyway_issuers::register! {
//!     keyway_issuers::Issuers {
//!         id: "passwords",
//!         name: "Passwords",
//!         version: "1.0.0",
//!         author: "Ada <ada@example.org>",
//!         updated: 20261122,
//!         compatibility: ">=:1.0,<:2.0",
//!         description: "Makes passwords",
//!         plugin: Passwords,
//!     }
//! }
//! # }
//!
//! // A host finds it by its id. This one does not use the engine of `keyway-host`, which
//! // keeps intents and grants.
//! use keyway_issuers::core::{Effect, ErrorKind, PluginError, Plugins, plugins};
//! use keyway_issuers::{
//!     Context, CredentialRequest, Issuers, Json, OpenContext, RequestOutcome, Parameters, Revocation, ServiceName, UserInfo,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # pollster::block_on(async {
//! const PLUGINS: Plugins = plugins! { passwords };
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<Issuers>("passwords")?;
//! let issuer = plugin.open(&OpenContext::new(ServiceName::new("door")?, plugin.metadata().clone()))?;
//!
//! // The operator's configuration and the user's parameters must fit the description.
//! let description = issuer.describe().await?;
//! let configuration = description.resolve_configuration([("banned", &Json::text("mallory"))])?;
//! let parameters = Parameters::new().with("name", "Joe");
//! assert_eq!(description.fitting_set(&parameters)?, 1);
//! assert!(description.fitting_set(&Parameters::new().with("shoe_size", "42")).is_err());
//! assert!(description.user_interface().without_parameters);
//!
//! let joe = Context::new(UserInfo::new("https://issuer.example.com", "joe")).with_configuration(configuration);
//! let request = CredentialRequest::new(joe.clone()).with_parameters(parameters);
//! let RequestOutcome::Issued(issued) = issuer.request(&request).await? else { panic!() };
//! assert_eq!(issued.credential[0].expose_value(), "correct horse");
//! issued.state.check_keeps_no_secret(&issued.credential)?;
//!
//! issuer.revoke(&Revocation::new(joe.clone(), issued.state)).await?;
//!
//! let mut mallory = joe;
//! mallory.requester.user_info = UserInfo::new("https://issuer.example.com", "mallory");
//! let refused = issuer.request(&CredentialRequest::new(mallory)).await.unwrap_err();
//! assert_eq!((refused.kind(), refused.effect()), (ErrorKind::Denied, Effect::None));
//! assert_eq!(refused.user_message(), "Sorry, you may not enter.");
//! assert_eq!(refused.detail(), "mallory is banned");
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Two configurations
//!
//! The host *opens* a plugin with the plugin's own configuration ([`OpenContext::configuration`]):
//! the path of an executable, for example. The issuer [describes](Description::configuration) the
//! parameters that an operator may set for a *service*, and the host sends the resolved values with
//! every call ([`Context::configuration`]), as WaTTS does. So an issuer can describe itself before
//! anything is configured.
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | the operations, and the rules for all of them | [`Issuer`] |
//! | an issuer that wraps another one | [`IssuerLayer`] |
//! | the resources and data that a host gives a plugin | [`OpenContext`], [`Context`] |
//! | descriptions and their use | [`Description`] |
//! | requests and credentials | [`CredentialRequest`], [`RequestOutcome`], [`CredentialPart`], [`CredentialRef`] |
//! | users and their logins | [`UserId`], [`UserInfo`], [`Login`] |
//! | failures | [`IssuerError`]; [`Violation`] for breaches of this contract |
//! | repeated calls and crashes | [`IntentId`], [`Reconciliation`] |
//! | the bytes that executables read and print | [`wire`] |
//! | JSON | [`Json`], [`core::json`] |
//!
//! This crate is independent of any runtime (decision R1).

mod capabilities;
mod credential;
mod credential_ref;
mod description;
mod error;
mod host_grants;
mod layer;
mod plugin;
mod register;
mod request;
mod requester;
mod service;
mod user;
mod violation;
pub mod wire;

pub use capabilities::Capabilities;
pub use credential::{CredentialPart, FieldSize, Issued, LoginRequired, PartKind, RequestOutcome};
pub use credential_ref::CredentialRef;
pub use description::{
    Configuration, ConfigurationDescriptor, ConfigurationType, ConfigurationValue, Description,
    DescriptionBuilder, Features, ParameterDescriptor, ParameterSet, ParameterType, UserInterface,
    fitting_set,
};
pub use error::{BoxedError, ContractViolation, IssuerError};
pub use host_grants::{GrantAnswer, GrantQuestion, HostGrants};
pub use layer::{Call, IssuerLayer, Layered};
pub use plugin::{Issuer, IssuerPlugin, OpenContext};
pub use register::Issuers;
pub use request::{
    Action, Context, CredentialRequest, IntendedEffect, Parameters, Reconciled, Reconciliation, Revocation,
};
pub use requester::Requester;
pub use service::{InvalidServiceName, ServiceName};
pub use user::{Login, UserId, UserInfo};
pub use violation::{Rule, Violation, Violations};

pub use async_trait::async_trait;
pub use keyway_core::{self as core, IntentId, Json, JsonObject, SecretText, register};
