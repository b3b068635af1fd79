//! One dependency for a host: the contracts, the engines that run their plugins, and storage.
//!
//! ```
//! use std::sync::Arc;
//!
//! use keyway::secrets::{NewSecret, SecretAddress, SecretName, SecretStore, StoreName};
//! use keyway::seal::{Key, KeyRing};
//! use keyway::storage::Memory;
//! use keyway::{Host, Plugins, SecretValue, plugins};
//!
//! // The plugins of this host. A listed crate is linked, and its metadata is checked.
//! const PLUGINS: Plugins = plugins! { keyway_generic };
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), keyway::MainError> {
//! let keys = KeyRing::new([Key::generate()?])?;
//! let host = Host::builder(PLUGINS.registry()?, Arc::new(Memory::new()), keys.clone()).start().await?;
//!
//! let name = StoreName::new("production")?;
//! let store = host.stores().create(&name, "generic", serde_json::json!({}), &keys).await?;
//!
//! let address = SecretAddress::shared(SecretName::new("database password")?);
//! store.create(NewSecret::new(address.clone(), SecretValue::text("correct horse"))).await?;
//! assert_eq!(store.get(&address).await?.value.expose_text(), Some("correct horse"));
//! # Ok(())
//! # }
//! ```
//!
//! `cargo run --example host` shows a whole host: files of another system, SQLite, environments, versions, a
//! rotation under load, and the errors of damaged data.
//!
//! # Features
//!
//! | feature | default | contents |
//! | --- | --- | --- |
//! | `client` | yes | [`client`]: reads and writes secrets for an application |
//! | `secrets` | yes | [`Host`], [`secrets`], [`seal`], [`storage`] with the engine `Memory`, [`stores`] |
//! | `certificates` | yes | what `secrets` has, [`certificates`], [`orders`] |
//! | `credentials` | yes | [`Host`], [`credentials`], [`seal`], [`storage`] with the engine `Memory`, [`sessions`] |
//! | `issuers` | yes | [`Host`], [`issuers`], [`seal`], [`storage`] with the engine `Memory`, [`grants`] |
//! | `sqlite` | yes | [`storage`] with the engine `Sqlite`; no contract and no engine of a host by itself |
//! | `locker` | no | what only programs of the service Locker need: credentials, log level, errors |
//! | `schemars` | no | JSON schemas of plugin configurations |
//! | `semver` | no | conversions of versions and ranges from and to the crate `semver` |
//!
//! There is no feature for a plugin: a host depends on the plugin crates that it lists.

mod main_error;

pub use keyway_core::*;
pub use main_error::MainError;

#[cfg(feature = "certificates")]
pub use keyway_certificates as certificates;
#[cfg(feature = "client")]
pub use keyway_client as client;
#[cfg(feature = "credentials")]
pub use keyway_credentials as credentials;
#[cfg(feature = "issuers")]
pub use keyway_host::grants;
#[cfg(feature = "certificates")]
pub use keyway_host::orders;
#[cfg(feature = "credentials")]
pub use keyway_host::sessions;
#[cfg(feature = "secrets")]
pub use keyway_host::stores;
#[cfg(any(feature = "credentials", feature = "issuers", feature = "secrets"))]
pub use keyway_host::{
    EngineHealth, Health, Host, HostBuilder, HostError, Isolation, LaneHealth, Limits, Observer, RecordError,
    Resealed, Retries, WorkOutcome, WorkReport,
};
#[cfg(feature = "issuers")]
pub use keyway_issuers as issuers;
#[cfg(any(feature = "credentials", feature = "issuers", feature = "secrets"))]
pub use keyway_seal as seal;
#[cfg(feature = "secrets")]
pub use keyway_secrets as secrets;
#[cfg(any(feature = "credentials", feature = "issuers", feature = "secrets", feature = "sqlite"))]
pub use keyway_storage as storage;

/// The code blocks of README.md, run as tests.
#[cfg(all(doctest, feature = "client", feature = "issuers", feature = "secrets"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
