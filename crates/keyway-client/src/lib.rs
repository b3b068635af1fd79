//! The client with which an application reads and writes its secrets.
//!
//! It has the operations of the Locker seed, over any store: a store that a host opened, a store of a plugin, or a
//! store in front of a service. A tour:
//!
//! ```
//! # use std::sync::Arc;
//! # use keyway_secrets::core::Resources;
//! # use keyway_secrets::seal::{Key, KeyRing};
//! # use keyway_secrets::{OpenContext, SecretStore, SecretStores, StoreName};
//! # use keyway_storage::{Memory, Storage};
//! # async fn open_a_store() -> Result<Arc<dyn SecretStore>, Box<dyn std::error::Error>> {
//! #     const PLUGINS: keyway_secrets::core::Plugins = keyway_secrets::core::plugins! { keyway_generic };
//! #     let registry = PLUGINS.registry()?;
//! #     let plugin = registry.get::<SecretStores>("generic")?;
//! #     let storage: Arc<dyn Storage> = Arc::new(Memory::new());
//! #     let keys = KeyRing::new([Key::generate()?])?;
//! #     let opening = OpenContext::new(StoreName::new("tour")?, plugin.metadata().clone(), keys)
//! #         .with_resources(Resources::new().with(storage));
//! #     let store = plugin.open(&opening)?;
//! #     store.initialize().await?;
//! #     Ok(store)
//! # }
//! use keyway_client::{Access, Bundle, Change, Error, Layer, Resolution, Secrets};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let store = open_a_store().await?;
//! // The store was opened by the host. The hook sees requester and operation, never a value.
//! let secrets = Secrets::builder(store)
//!     .requester("billing")
//!     .audit(|access: &Access<'_>| eprintln!("{access}"))
//!     .build();
//!
//! // A client works in the shared secrets, or in an environment.
//! secrets.create("API_URL", "https://api.example.org").await?;
//! secrets.create_environment("staging", Some("staging.example.org")).await?;
//! let staging = secrets.in_environment("staging");
//! staging.create("PASSWORD", "correct horse").await?;
//!
//! // For a missing secret the caller chooses `None`, a default, or an error.
//! assert_eq!(staging.get("PASSWORD").await?.unwrap().expose(), "correct horse");
//! assert!(staging.get("API_URL").await?.is_none());
//! assert_eq!(staging.get_or("API_URL", "none").await?.expose(), "none");
//! let error = staging.get_required("API_URL").await.unwrap_err();
//! assert_eq!((error.code(), error.http_status()), ("not_found", Some(404)));
//!
//! // The other policy falls back to a shared secret, and the answer names the layer. Nothing
//! // else changes: a misspelt environment is an error, never the default, and a write stays in
//! // the client's layer.
//! let layered = staging.with_resolution(Resolution::SharedFallback);
//! let url = layered.retrieve("API_URL").await?;
//! assert_eq!((url.expose_text(), url.layer), (Some("https://api.example.org"), Layer::Shared));
//! let misspelt = secrets.in_environment("stagign").get_or("API_URL", "none").await;
//! assert!(matches!(misspelt, Err(Error::EnvironmentNotFound { .. })));
//! assert!(matches!(layered.modify("API_URL", "changed").await, Err(Error::SecretNotFound { .. })));
//!
//! // A list agrees with single reads.
//! let names = layered.list_names().await?;
//! let names: Vec<_> = names.iter().map(|name| (name.as_str(), name.layer)).collect();
//! assert_eq!(names, [("PASSWORD", Layer::Environment), ("API_URL", Layer::Shared)]);
//!
//! // Change it only if it is unchanged since the read.
//! let read = staging.retrieve("PASSWORD").await?;
//! let change = Change::from("battery staple").if_unchanged(&read.header);
//! staging.modify("PASSWORD", change.clone()).await?;
//! assert_eq!(staging.modify("PASSWORD", change).await.unwrap_err().code(), "conflict");
//!
//! // Export to a file, and import from one: first the plan, then the import.
//! let file = layered.export().await?.to_dotenv()?;
//! let bundle = Bundle::from_dotenv(file.expose())?;
//! let plan = staging.plan_import(&bundle).await?;
//! assert_eq!((plan.created, plan.unchanged), (vec!["API_URL".to_owned()], vec!["PASSWORD".to_owned()]));
//! staging.import(&bundle).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | the operations | [`Secrets`], [`SecretsBuilder`] |
//! | the blocking client | [`blocking`] |
//! | the layers that are searched | [`Resolution`], [`Layer`] |
//! | results and arguments | [`ResolvedSecret`], [`ListedName`], [`Draft`], [`Change`] |
//! | errors, and the table of the seed | [`Error`], [`Row`] |
//! | the audit of accesses | [`AccessAudit`], [`Access`] |
//! | dotenv and JSON | [`Bundle`], [`ImportPlan`] |
//!
//! # Features
//!
//! `locker`, off by default, adds the parts that only programs for the service Locker need: its credentials and their
//! sources, its log level, and the errors of a service behind a store.
//!
//! # Logging
//!
//! Each operation emits one `tracing` event, with the data of the audit hook: failures that the
//! caller did not cause at level `warn`, everything else at `debug`. No level shows a value, a
//! description or credentials (decision L8).

mod audit;
pub mod blocking;
mod bundle;
mod client;
#[cfg(feature = "locker")]
mod credentials;
mod error;
#[cfg(feature = "locker")]
mod log_level;
#[cfg(feature = "locker")]
mod remote;
mod resolution;
mod row;
mod secret;

pub use audit::{Access, AccessAudit, AccessOutcome, Operation};
pub use bundle::{Bundle, BundleError, LenientBundle, LineFault};
pub use client::{ImportPlan, Secrets, SecretsBuilder};
#[cfg(feature = "locker")]
pub use credentials::{Credentials, CredentialsError, CredentialsSource, DEFAULT_API_BASE, is_access_key_id};
pub use error::Error;
#[cfg(feature = "locker")]
pub use log_level::{LogLevel, UnknownLogLevel};
#[cfg(feature = "locker")]
pub use remote::{
    Answer, ErrorObject, RedactedBody, RemoteClass, RemoteError, RpcError, interpret, program_output,
};
pub use resolution::{Layer, Resolution};
pub use row::Row;
pub use secret::{Change, Draft, ListedName, ResolvedSecret};

pub use keyway_core::SecretText;
pub use keyway_core::{ErrorKind, MediaKind, PluginError, SecretValue};
pub use keyway_secrets::{Environment, Recipe, SecretHeader, SecretRevision, SecretStore, SecretVersion};
