//! Runs Keyway plugins: the engines of a host.
//!
//! A plugin does one thing, such as keeping secrets or issuing credentials. A host needs more: calls that return in
//! time, panics that do not spread, valid answers, and interrupted work that is finished after a crash. The engines add
//! these properties to every plugin.
//!
//! | engine | drives | |
//! | --- | --- | --- |
//! | [`Host::stores`] | plugins for secret stores (`keyway-secrets`), feature `secrets` | works |
//! | [`Host::orders`] | plugins for certificate authorities (`keyway-certificates`), feature `certificates` | works |
//! | [`Host::grants`] | plugins that make and revoke credentials (`keyway-issuers`), feature `issuers` | works |
//! | [`Host::sessions`] | plugins for credential stores (`keyway-credentials`), feature `credentials` | works |
//!
//! All features are on by default. A host that only keeps secrets enables only `secrets`, and compiles no code of the
//! other engines.
//!
//! # A host that keeps secrets
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
//! # A host that issues credentials
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
//! Each record (a store, an order, a session, a grant) follows a pure state machine. An event of a caller causes a
//! step. The step is stored in one atomic batch, and only then the plugin is called. Its answer is the next event. So
//! after any crash, the stored state shows which work may be unfinished, and [`Host::run`] resumes that work. The
//! record is claimed during a plugin's call. Due work waits in lanes, one for each service, each vault, each
//! connection to certificate authorities and each plugin for secret stores, so a lane that hangs does not delay the
//! others.
//!
//! # Stored records
//!
//! Each engine keeps its own records on the host's storage engine. The records are sealed by the host's keys and
//! bound to their places. Their keys in the storage engine contain no names. The records hold no secrets: plugins
//! store secrets themselves. [`Host::reseal`] moves the records to new keys (decision K1).
//!
//! # Requirements
//!
//! The engines need tokio, for time, tasks and blocking threads (decision R1), and `panic =
//! "unwind"`, which is Rust's default (decision R4). Plugins and storage engines need no runtime.

// Each engine uses only a part of the shared modules, so a build without some engines leaves parts unused.
#![cfg_attr(
    not(all(feature = "certificates", feature = "credentials", feature = "issuers")),
    allow(dead_code, unused_imports, unused_mut, reason = "each engine uses a part of the shared rooms")
)]

#[cfg(feature = "issuers")]
pub mod grants;
mod host;
#[cfg(feature = "certificates")]
pub mod orders;
mod plugin;
mod records;
#[cfg(feature = "credentials")]
pub mod sessions;
#[cfg(feature = "secrets")]
pub mod stores;
mod work;

pub use host::{Health, Host, HostBuilder, HostError, Observer};
pub use plugin::Isolation;
pub use records::{RecordError, Resealed};
pub use work::{EngineHealth, LaneHealth, Limits, Retries, WorkOutcome, WorkReport};
