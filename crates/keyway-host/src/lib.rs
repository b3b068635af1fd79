//! The engines that a host runs Keyway plugins with.
//!
//! A plugin knows one thing: how to keep secrets somewhere, or how to make a credential. A host needs
//! more: that a call comes back in time, that a panic stays where it happened, that an answer fits the
//! question, and that interrupted work is finished after a crash. The engines do that for every
//! plugin, so that no plugin has to.
//!
//! | engine | drives | |
//! | --- | --- | --- |
//! | [`Host::stores`] | plugins for secret stores (`keyway-secrets`), feature `secrets` | works |
//! | [`Host::grants`] | plugins that make and revoke credentials (`keyway-issuers`), feature `issuers` | works |
//! | orders, sessions | the other two contracts | planned |
//!
//! Both features are on by default. A host of secrets alone compiles `secrets` only, and no
//! issuer.
//!
//! # A host of secrets
//!
#![cfg_attr(all(feature = "secrets", feature = "issuers"), doc = "```")]
#![cfg_attr(not(all(feature = "secrets", feature = "issuers")), doc = "```ignore")]
//! use std::sync::Arc;
//!
//! use keyway_core::{Plugins, SecretValue, plugins};
//! use keyway_host::Host;
//! use keyway_seal::{Key, KeyRing};
//! use keyway_secrets::{NewSecret, SecretAddress, SecretName, SecretStore, StoreName};
//! use keyway_storage::Memory;
//!
//! // The plugins that this program links, once and for all.
//! const PLUGINS: Plugins = plugins! { keyway_generic };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The host's own records lie on a storage engine, sealed by keys of the host. Its stores have
//! // keys of their own here; without `store_keys` they would have the same.
//! let (host_keys, keys) = (KeyRing::new([Key::generate()?])?, KeyRing::new([Key::generate()?])?);
//! let host = Host::builder(PLUGINS.registry()?, Arc::new(Memory::new()), host_keys)
//!     .store_keys(keys.clone())
//!     .start()
//!     .await?;
//!
//! // A store, made by the plugin of this id. Afterwards `open` finds it by its name.
//! let name = StoreName::new("web")?;
//! host.stores().create(&name, "generic", serde_json::json!({}), &keys).await?;
//! let store = host.stores().open(&name).await?;
//! let at = SecretAddress::shared(SecretName::new("database password")?);
//! store.create(NewSecret::new(at.clone(), SecretValue::text("not a real one"))).await?;
//!
//! // New keys, while other callers go on reading and writing.
//! let new = KeyRing::new([Key::generate()?])?;
//! store.rotate(&new, &|progress: keyway_secrets::Progress| println!("{}", progress.done)).await?;
//! let store = host.stores().open_with(&name, &new).await?;
//! assert_eq!(store.get(&at).await?.value.expose_text(), Some("not a real one"));
//! # assert_eq!(store.state().await?.keys, [new.primary_id()]);
//! # assert!(host.stores().open(&name).await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # A host of credentials on request
//!
#![cfg_attr(feature = "issuers", doc = "```")]
#![cfg_attr(not(feature = "issuers"), doc = "```ignore")]
//! # mod key {
//! # use keyway_issuers::{
//! #     Capabilities, CredentialRequest, Description, Issued, Issuer, IssuerError, RequestOutcome,
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
//! #     async fn request(&self, _: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
//! #         Ok(Issued::new("key-1").into())
//! #     }
//! #     async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> { Ok(()) }
//! # }
//! # }
//! # use std::sync::Arc;
//! # use keyway_core::Registry;
//! use keyway_host::grants::{GrantOutcome, GrantRequest, Service};
//! use keyway_host::{Host, WorkReport};
//! use keyway_issuers::{Parameters, ServiceName, UserInfo};
//! # use keyway_seal::{Key, KeyRing};
//! # use keyway_storage::Memory;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (registry, storage) = (Registry::builder().build()?, Arc::new(Memory::new()));
//! # let keys = KeyRing::new([Key::generate()?])?;
//! // A service of the host: its users, and how many credentials each may have.
//! let login = ServiceName::new("login")?;
//! let service = Service::with_issuer(login.clone(), Arc::new(key::Upload)).allow_everybody().limit(3);
//! let host = Host::builder(registry, storage, keys)
//!     .service(service)
//!     .observer(|done: &WorkReport| println!("{}: {:?}", done.record, done.outcome))
//!     .start()
//!     .await?;
//!
//! let joe = UserInfo::new("https://issuer.example.com", "joe");
//! let key = Parameters::new().with("pub_key", "ssh-ed25519 AAAA");
//! let request = GrantRequest::new(joe.clone()).with_parameters(key);
//! let GrantOutcome::Granted(issued) = host.grants().request(&login, request).await? else { panic!() };
//! host.grants().revoke(issued.grant, joe).await?;
//!
//! // One loop for all engines: it recovers, and tries again what failed, until the future ends.
//! host.run(async { println!("end of the host") }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # How the engines work
//!
//! The life of a record (a store, a grant) is a pure state machine. A caller's event is a step of it;
//! the step is stored in one atomic batch, and then the plugin is asked; its answer is the next event.
//! So whenever the process ends, the stored state says what may be unfinished, and
//! [`Host::run`] goes on with it. While a plugin is asked, the record is claimed; work that is due
//! waits in lanes, one for each service or plugin, so that one that hangs holds up no other.
//!
//! # Stored records
//!
//! Each engine keeps records of its own on the storage engine that the host names. They are sealed
//! by the host's keys and bound to their places, and their keys hold no names (decision K1).
//! Secrets are not among them: those are the plugin's. [`Host::reseal`] moves them to new keys.
//!
//! # Requirements
//!
//! tokio, for time, tasks and threads for blocking work (decision R1), and `panic = "unwind"`,
//! which is Rust's default (decision R4). Plugins and storage engines need no runtime.

// The engines share what is below them; a build with one engine leaves parts of it unused.
#![cfg_attr(
    not(all(feature = "secrets", feature = "issuers")),
    allow(dead_code, unused_imports, unused_mut, reason = "each engine uses a part of the shared rooms")
)]

#[cfg(feature = "issuers")]
pub mod grants;
mod host;
mod plugin;
mod records;
#[cfg(feature = "secrets")]
pub mod stores;
mod work;

pub use host::{Health, Host, HostBuilder, HostError, Observer};
pub use plugin::Isolation;
pub use records::{RecordError, Resealed};
pub use work::{EngineHealth, LaneHealth, Limits, Retries, WorkOutcome, WorkReport};
