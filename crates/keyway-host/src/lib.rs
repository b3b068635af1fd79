//! The engines that a host runs Keyway plugins with.
//!
//! A plugin knows one thing: how to keep secrets somewhere. A host needs more: that a call comes
//! back in time, that a panic stays where it happened, that an answer fits the question, and
//! that what was begun before a crash is finished after it. The engines do that for every
//! plugin, so that no plugin has to.
//!
//! | engine | drives | |
//! | --- | --- | --- |
//! | [`stores`] | plugins for secret stores (`keyway-secrets`) | works |
//! | orders, sessions, grants | the other three contracts | planned |
//!
//! # A complete host
//!
//! ```
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
mod guard;
#[cfg(feature = "issuers")]
mod sealed_places;
mod sealed_records;
#[cfg(feature = "secrets")]
pub mod stores;

pub use sealed_records::RecordError;
