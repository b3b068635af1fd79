//! Keeps secrets as sealed records on any storage engine: the reference secret store.
//!
//! The plugin is `generic` ([`GenericPlugin`]). The host chooses the engine, and passes it as an `Arc<dyn Storage>`.
//! The same store runs in memory, in one SQLite file, or on any other engine. Every write is one atomic commit of that
//! engine, and is durable when it returns (decision C6).
//!
//! ```
//! use std::sync::Arc;
//!
//! use keyway_core::{Resources, SecretValue};
//! use keyway_seal::{Key, KeyRing};
//! use keyway_secrets::{
//!     EnvironmentName, ListQuery, NewEnvironment, NewSecret, OpenContext, Progress, SecretAddress,
//!     SecretChange, SecretName, SecretStores, StoreName,
//! };
//! use keyway_storage::{Memory, Storage};
//!
//! // A host lists its plugins once.
//! const PLUGINS: keyway_core::Plugins = keyway_core::plugins! { keyway_generic };
//!
//! # pollster::block_on(async {
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<SecretStores>("generic")?;
//!
//! // In production: keys from a key source, and `Sqlite::open("secrets.db")`.
//! let keys = KeyRing::new([Key::generate()?])?;
//! let storage: Arc<dyn Storage> = Arc::new(Memory::new());
//! let opening = OpenContext::new(StoreName::new("payroll")?, plugin.metadata().clone(), keys.clone())
//!     .with_resources(Resources::new().with(storage));
//! let store = plugin.open(&opening)?;
//! store.initialize().await?;
//!
//! let staging = EnvironmentName::new("staging")?;
//! let environment = NewEnvironment { name: staging.clone(), external_url: None };
//! store.create_environment(environment).await?;
//! let address = SecretAddress::in_environment(SecretName::new("db-password")?, staging);
//! store.create(NewSecret::new(address.clone(), SecretValue::text("hunter2"))).await?;
//!
//! // Change it only if no other caller has.
//! let secret = store.get(&address).await?;
//! let change = SecretChange::value(SecretValue::text("correct horse"));
//! store.modify(&address, change.if_unchanged(&secret.header)).await?;
//! assert_eq!(store.list(&ListQuery::all()).await?.secrets.len(), 1);
//!
//! // Move everything to a new key. Reads and writes go on meanwhile.
//! let new_keys = KeyRing::new([Key::generate()?])?;
//! let listener = |progress: Progress| eprintln!("{} of {}", progress.done, progress.total);
//! store.rotate(&new_keys, &listener).await?;
//! assert_eq!(store.get(&address).await?.value.expose_text(), Some("correct horse"));
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # Layout
//! Every key starts with 16 bytes that stand for the store's name, so that many stores can share
//! one engine.
//!
//! ```text
//! store | 0                   header: key of the name index, settings, last writer, rotation
//! store | 1                   counters of reads and writes (not sealed)
//! store | 2 | place           an environment
//! store | 3 | group | place   a secret:  format | key id | length | header token | value token
//!                                                                  '--- list ---'  '-- get --'
//! ```
//!
//! `group` and `place` are keyed hashes (HMAC-SHA256, cut to 8 and 16 bytes). `group` is computed from the environment,
//! and `place` from the environment and the name. So the secrets of one environment are next to each other, no name can
//! be read, and a rotation moves no record (decision C15). The key of the hashes is drawn when the store is made, and
//! is sealed in the header. All tokens are Fernet tokens. Each token carries the store's mark and its own address, and
//! a value token carries the end of its header token. So a record is refused as
//! [`Corrupt`](keyway_secrets::StoreError::Corrupt) if it is in a wrong place, belongs to another store, or is combined
//! from two versions.
//!
//! # Keys and rotation
//! The key that sealed the header is *the key of the store*. Every writer seals with this key, whatever the key's
//! position in the handle's ring. `initialize` takes the first key of the ring; after that, only `rotate` changes the
//! key. Every commit checks that the header is still the one that the writer has seen. So once a rotation has sealed
//! the header with the new key, every writer uses the new key or is refused with
//! [`WrongKey`](keyway_secrets::StoreError::WrongKey). The rotation then reseals the records in batches, while reads
//! and writes continue through every handle that has both keys. After a crash, the next call of `rotate` resumes the
//! rotation. A rotation that is overtaken by another rotation ends with
//! [`Conflict`](keyway_secrets::StoreError::Conflict).
//!
//! # What an attacker with read access learns
//! A reader of the storage learns the number of secrets and environments, and the number of secrets
//! in each environment (not its name). It also learns the length of names, descriptions and values,
//! to 16 bytes; when each record was sealed (Fernet tokens carry their time in the clear) and under
//! which key; and how often the store was read and written.
//!
//! # Changes that the store does not detect
//! The store does not detect an older copy of the whole store or of a single record that is put back, or a record that
//! was removed. A list without values does not notice a value that is not of the same version as its header; reading
//! the value does. The counters can be forged.
//!
//! # Limits
//! The contract limits the length of names and descriptions. The engine's record size limits values: tokens are Base64,
//! so a value may have a little less than three quarters of that size. The setting `maximum_value_bytes` limits values
//! further (decision C10). A list has a stable order that reveals nothing about names.
//!
//! # Your own plugin on this store
//! The store itself is [`SealedStore`], and any plugin can open one. Plugins differ in their [`StoreSettings`]: the
//! settings that exist, the values that they allow, and whether the store generates values that follow them. `generic`
//! is one such plugin, `keyway-passdb` another; each reads only its own stores (decision C4). A crate with such a
//! plugin depends on this one without its default features. Otherwise its host would also be offered `generic`.
//!
//! # Features
//! `plugin`: the plugin `generic`. On by default.
//! `schemars`: the JSON schema of [`GenericConfiguration`]. Off by default.

mod bulk;
mod commit;
mod counters;
mod deletion;
mod environment_record;
mod environments;
mod handle;
mod header;
mod info;
mod layout;
#[cfg(feature = "plugin")]
mod plugin;
mod record;
mod rotation;
mod rotation_progress;
mod sealed_note;
mod sealed_settings;
mod secrets;
#[cfg(feature = "plugin")]
mod settings;
mod storage_error;
mod store;
mod structured_codec;
mod value_size;

#[cfg(feature = "plugin")]
pub use plugin::{GenericConfiguration, GenericPlugin};
pub use sealed_settings::StoreSettings;
pub use store::SealedStore;

#[cfg(feature = "plugin")]
keyway_core::register! {
    keyway_secrets::SecretStores {
        id: "generic",
        name: "Keyway Generic",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261121,
        compatibility: ">=:1.0,<:2.0",
        plugin: GenericPlugin,
    }
}
