//! Reads and writes the secrets of a project of the service Locker, over its HTTP interface.
//!
//! The plugin is `locker` ([`LockerPlugin`]). It needs no program of the vendor: it speaks HTTPS, and encrypts and
//! decrypts by itself. The service never gets the secret access key, and no name or value in a form that it can read.
//!
//! # Tutorial
//! Put the two access keys of a project into the environment of the process, as `LOCKER_ACCESS_KEY_ID` and
//! `LOCKER_SECRET_ACCESS_KEY`, or into `~/.locker/credentials`, which only you may read. Or pass them to the store as a
//! resource, as this example does. Then open the project as a store, and use it through the client of `keyway-client`:
//!
//! ```
//! # #[cfg(feature = "double")] {
//! use keyway_client::{Credentials, Secrets};
//! use keyway_core::{Plugins, Resources, plugins};
//! use keyway_locker::double::LockerDouble;
//! use keyway_secrets::seal::{Key, KeyRing};
//! use keyway_secrets::{OpenContext, SecretStores, StoreName};
//!
//! // A host lists its plugins once.
//! const PLUGINS: Plugins = plugins! { keyway_locker };
//!
//! # pollster::block_on(async {
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<SecretStores>("locker")?;
//!
//! // A server for tests stands for the service. In production, leave the credentials out, or give them no base.
//! let service = LockerDouble::start()?;
//! service.put_environment("staging", "");
//! let credentials = Credentials::source()
//!     .access_key_id(service.access_key_id())
//!     .secret_access_key(service.secret_access_key())
//!     .api_base(service.base())
//!     .resolve()?;
//!
//! // The project has a key of its own at the service, so the plugin does not use those of the host.
//! let keys = KeyRing::new([Key::generate()?])?;
//! let configuration = serde_json::json!({ "retries": 2, "headers": { "x-team": "billing" }, "proxy": "none" });
//! let opening = OpenContext::new(StoreName::new("billing")?, plugin.metadata().clone(), keys)
//!     .with_configuration(configuration)
//!     .with_resources(Resources::new().with(credentials));
//! let store = plugin.open(&opening)?;
//!
//! let secrets = Secrets::builder(store).requester("billing").build();
//! let staging = secrets.in_environment("staging");
//! staging.create("DB_PASSWORD", "correct horse").await?;
//! assert_eq!(staging.get("DB_PASSWORD").await?.unwrap().expose(), "correct horse");
//! assert_eq!(service.secrets()[0].value, "correct horse");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! # }
//! ```
//!
//! A misspelt environment is an error. If an environment does not have a secret, the store does not read or change a
//! secret of the same name that belongs to another environment or to none. Only a client that chooses
//! [`SharedFallback`](keyway_client::Resolution::SharedFallback) then reads the secret that belongs to no environment.
//! `docs/migrating.md` compares with Locker's own clients.
//!
//! # Configuration
//! [`LockerConfiguration`] lists the settings. The host may pass the credentials to the store instead, as a
//! [`Credentials`](keyway_client::Credentials) among its resources; then the plugin reads no credentials from a file or
//! the environment.
//!
//! # Capabilities
//! The store keeps texts, environments, descriptions and dates. The service has no versions, so there is no
//! compare-and-set. It also cannot destroy a secret, rotate keys, keep settings or delete a project. Those operations
//! answer [`Unsupported`](keyway_secrets::StoreError::Unsupported) (decision C16). `initialize` finds that the project
//! exists. Every operation blocks its thread, and the store declares this.
//!
//! # Failures
//! If the service answers with a failure, the [`StoreError`](keyway_secrets::StoreError) has a
//! [`RemoteError`](keyway_client::RemoteError) as its cause. The client of `keyway-client` unwraps it. Reads are
//! repeated as configured, if the failure is temporary. A write is sent once. If the answer to a write is lost, the
//! effect is unknown: [`Indeterminate`](keyway_secrets::StoreError::Indeterminate). It is also unknown if the service
//! answers with a status of 500 or more; no such error of a write is retryable.
//!
//! # Stale reads
//! With `max_age_seconds` the store keeps the service's answers in the memory of the handle, still encrypted. It
//! returns an answer again up to that age, also while the service is down (decision L12). The store declares this age
//! as its staleness; with zero, the default, it keeps nothing. Before a handle without a `cache_folder` can return kept
//! answers, it must have reached the service once.
//!
//! With `cache_folder`, several processes share these answers in a file. A process can use the file even if it starts
//! while the service is down. The file has mode 0600, and shows nothing but its size and the number of the project:
//! everything else is encrypted with keys that follow from the secret access key (decision H282). A write through any
//! of these processes drops all shared answers (decision H283).
//!
//! A write uses nothing that is kept. It asks for the key of the project first, so that nothing is encrypted with a key
//! that the project no longer has (decision H339).
//!
//! # Forks
//! A store is for the process that opened it. In a process that was forked later every operation is
//! [`NotReady`](keyway_secrets::StoreError::NotReady): open the store again there (decision H284).
//!
//! # What the service learns, and what it can do
//! The service learns the number of secrets and environments, the environment of each secret, the length of every text,
//! rounded to 16 bytes, and all times. It finds a name by a hash that depends on nothing secret, so it can confirm a
//! guessed name. The plugin notices a changed text. The format of the service does not let it notice everything: the
//! service can exchange the values of two secrets, return old values, hide secrets, and claim that a secret of an
//! environment belongs to no environment.
//!
//! # Features
//! `double`: the module `double`, a server for tests. `schemars`: the JSON schema of [`LockerConfiguration`]. Both are
//! off by default.

mod answer;
mod cache;
mod configuration;
#[cfg(all(test, unix))]
mod connection_tests;
#[cfg(feature = "double")]
pub mod double;
mod environment_record;
mod environments;
mod failure;
#[cfg(all(test, unix))]
mod fork_tests;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod item_key;
mod items;
mod kept_content;
mod kept_file;
#[cfg(all(test, unix))]
mod kept_file_limits_tests;
#[cfg(all(test, unix))]
mod kept_file_tests;
#[cfg(all(test, unix))]
mod key_change_tests;
mod key_schedule;
#[cfg(test)]
mod list_tests;
mod listing;
mod lookup;
#[cfg(test)]
mod missing_environment_tests;
#[cfg(test)]
mod page_tests;
mod paging;
mod plugin;
mod profile;
#[cfg(test)]
mod read_tests;
#[cfg(test)]
mod recorded_world;
mod request;
mod retry;
#[cfg(test)]
mod scripted_service;
mod secret_list;
mod secret_record;
mod service;
mod session;
#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod set_clock;
mod store;
#[cfg(test)]
mod tls_tests;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod write_tests;
mod writing;
mod written;

pub use configuration::LockerConfiguration;
pub use plugin::LockerPlugin;

keyway_core::register! {
    keyway_secrets::SecretStores {
        id: "locker",
        name: "Locker",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261130,
        compatibility: ">=:1.0,<:2.0",
        plugin: LockerPlugin,
    }
}
