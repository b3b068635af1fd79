//! The engines that a host runs Keyway plugins with.
//!
//! A plugin knows one thing: how to keep secrets somewhere. A host needs more: that a call comes
//! back in time, that a panic stays where it happened, that an answer fits the question, and
//! that what was begun before a crash is finished after it. The engines do that for every
//! plugin, so that no plugin has to.
//!
//! | engine | drives | |
//! | --- | --- | --- |
//! | `stores` | plugins for secret stores (`keyway-secrets`), feature `secrets` | works |
//! | `grants` | plugins that make and revoke credentials (`keyway-issuers`), feature `issuers` | works |
//! | orders, sessions | the other two contracts | planned |
//!
//! Both features are on by default. A host of secrets alone compiles `secrets` only, and no
//! issuer.
//!
//! # A complete host of secrets
//!
#![cfg_attr(feature = "secrets", doc = "```")]
#![cfg_attr(not(feature = "secrets"), doc = "```ignore")]
//! use std::sync::Arc;
//!
//! use keyway_core::{Plugins, SecretValue, plugins};
//! use keyway_host::stores::{Phase, Stores};
//! use keyway_seal::{Key, KeyRing};
//! use keyway_secrets::{NewSecret, Progress, SecretAddress, SecretName, SecretStore, StoreName};
//! use keyway_storage::Memory;
//!
//! // The plugins that this program links, once and for all.
//! const PLUGINS: Plugins = plugins! { keyway_generic };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The host's own records: on a storage engine, sealed by keys of the host's.
//! let (storage, host_keys) = (Arc::new(Memory::new()), KeyRing::new([Key::generate()?])?);
//! let stores = Stores::start(PLUGINS.registry()?, storage, host_keys).await?;
//!
//! // What an earlier run did not finish. `keys` holds the keys of all stores.
//! let keys = KeyRing::new([Key::generate()?])?;
//! let show = |progress: Progress| println!("{} of {}", progress.done, progress.total);
//! for recovered in stores.recover(&keys, &show).await? {
//!     println!("{}: {:?}", recovered.store, recovered.outcome);
//! }
//!
//! // A store, made by the plugin of this id. Afterwards `open` finds it by its name.
//! let name = StoreName::new("web")?;
//! let store = stores.create(&name, "generic", serde_json::json!({}), &keys).await?;
//! let at = SecretAddress::shared(SecretName::new("database password")?);
//! store.create(NewSecret::new(at.clone(), SecretValue::text("not a real one"))).await?;
//!
//! // New keys, while others go on reading and writing.
//! let new = KeyRing::new([Key::generate()?])?;
//! store.rotate(&new, &show).await?;
//! let store = stores.open(&name, &new).await?;
//! assert_eq!(store.get(&at).await?.value.expose_text(), Some("not a real one"));
//! assert_eq!(store.state().await?.phase, Phase::Active);
//! # assert_eq!(store.state().await?.keys, [new.primary_id()]);
//! # assert!(stores.open(&name, &keys).await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # Credentials on request
//!
#![cfg_attr(feature = "issuers", doc = "```")]
#![cfg_attr(not(feature = "issuers"), doc = "```ignore")]
//! # mod key {
//! # use keyway_issuers::{
//! #     Capabilities, CredentialRequest, Description, Issued, Issuer, IssuerError, Outcome,
//! #     ParameterDescriptor, Revocation, async_trait,
//! # };
//! # #[derive(Debug)]
//! # pub struct Upload;
//! # #[async_trait]
//! # impl Issuer for Upload {
//! #     fn capabilities(&self) -> Capabilities { Capabilities::MINIMAL }
//! #     async fn describe(&self) -> Result<Description, IssuerError> {
//! #         let key = ParameterDescriptor::mandatory("pub_key", "public key", "the key to upload");
//! #         let description = Description::builder("1.0.0").set([key]).build();
//! #         description.map_err(|error| IssuerError::system("describe itself", error))
//! #     }
//! #     async fn request(&self, _: &CredentialRequest) -> Result<Outcome, IssuerError> {
//! #         Ok(Issued::new("key-1").into())
//! #     }
//! #     async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> { Ok(()) }
//! # }
//! # }
//! use std::sync::Arc;
//!
//! use keyway_host::grants::{GrantOutcome, Grants, Service};
//! use keyway_issuers::{Context, CredentialRequest, Parameters, ServiceName, UserInfo};
//! # use keyway_seal::{Key, KeyRing};
//! # use keyway_storage::Memory;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (storage, host_keys) = (Arc::new(Memory::new()), KeyRing::new([Key::generate()?])?);
//! // A service of the host's, who may use it, and how many credentials each may have.
//! let login = ServiceName::new("login")?;
//! let service = Service::with_issuer(login.clone(), Arc::new(key::Upload)).allow_everybody().limit(3);
//! let grants = Grants::builder(storage, host_keys).host_name("web-1").service(service).start().await?;
//! grants.recover().await?;
//!
//! let joe = Context::new(UserInfo::new("https://issuer.example.com", "joe"));
//! let key = Parameters::new().with("pub_key", "ssh-ed25519 AAAA");
//! let request = CredentialRequest::new(joe.clone()).with_parameters(key);
//! let GrantOutcome::Granted(handed) = grants.request(&login, request).await? else { panic!() };
//! grants.revoke(handed.grant, joe.clone()).await?;
//! # assert!(grants.list(&joe.user).await?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # What it keeps, and how
//!
//! Each engine keeps records of its own on the storage engine that the host names. They are sealed
//! by the host's keys and bound to their names, and their keys hold no names (decision K1).
//! Secrets are not among them: those are the plugin's.
//!
//! # What it needs
//!
//! tokio, for time, tasks and threads for blocking work (decision R1), and `panic = "unwind"`,
//! which is Rust's default (decision R4). Plugins and storage engines need no runtime.

#[cfg(feature = "issuers")]
pub mod grants;
#[cfg_attr(
    not(feature = "secrets"),
    expect(dead_code, unused_imports, reason = "what only the engine `stores` needs of it")
)]
mod guard;
#[cfg(feature = "issuers")]
mod sealed_places;
#[cfg_attr(not(feature = "secrets"), expect(dead_code, reason = "records by name are those of `stores`"))]
mod sealed_records;
#[cfg(feature = "secrets")]
pub mod stores;

pub use sealed_records::RecordError;
