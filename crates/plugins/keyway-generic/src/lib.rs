//! The reference secret store: sealed records on any storage engine.
//!
//! It is the plugin `generic` ([`GenericPlugin`]). Where the records lie is the host's choice:
//! it lends a storage engine as an `Arc<dyn Storage>`, and the same store runs in memory, in
//! one SQLite file, or wherever an engine for it exists. Every write is one atomic commit of
//! that engine, and it is durable when it returns (decision C6).
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
//! // In earnest: keys from a key source, and `Sqlite::open("secrets.db")`.
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
//! // Change it only if nobody else has.
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
//! Every key begins with 16 bytes that stand for the store's name, so that many stores lie on
//! one engine without meeting.
//!
//! ```text
//! store | 0                   header: key of the name index, settings, version that wrote last, rotation
//! store | 1                   counters of reads and writes (not sealed)
//! store | 2 | place           an environment
//! store | 3 | group | place   a secret:  format | key id | length | header token | value token
//!                                                                  '--- list ---'  '-- get --'
//! ```
//!
//! `group` and `place` are keyed hashes (HMAC-SHA256, cut to 8 and 16 bytes) of the environment
//! and of environment and name, so that the secrets of one environment lie together, no name can be
//! read, and a rotation moves no record (decision C15). Their key is drawn when the store is
//! made, and is sealed in the header. Tokens are Fernet tokens. Each carries the store's mark and
//! its own address, and a value token carries the end of its header token, so that a record in another's
//! place, of another store, or put together of two versions is refused as
//! [`Corrupt`](keyway_secrets::StoreError::Corrupt).
//!
//! # Keys and rotation
//! The key that sealed the header is *the key of the store*: whoever writes seals with it,
//! wherever in the handle's ring it stands. `initialize` takes the first key of the ring;
//! after that only `rotate` changes it. Every commit checks that the header is still the one
//! that the writer has seen. So from the moment a rotation has sealed the header with the new
//! key, every writer uses the new key or is refused with
//! [`WrongKey`](keyway_secrets::StoreError::WrongKey), and the rotation can go through the records in
//! batches while reads and writes go on, through this handle and through every other that has both
//! keys. After a crash the next call of `rotate` goes on where it was. A rotation that another
//! one overtakes ends with [`Conflict`](keyway_secrets::StoreError::Conflict) and does not say that it
//! is done.
//!
//! # What it does not hide
//! Who can read the storage learns how many secrets and environments there are, how many
//! secrets each environment has (not which one it is), how long names, descriptions and values
//! are, to 16 bytes, when each record was sealed (Fernet tokens carry their time in the clear), under which key,
//! and how often the store was read and written.
//!
//! # What it does not detect
//! An older copy of the whole store put back, an older copy of a single record put back, and
//! a record that was removed. A list without values does not notice that the value beside a
//! header is of another version; who reads the value does. The counters can be forged.
//!
//! # Limits
//! Secret names, environments and descriptions are bounded by the contract; values by what the
//! engine takes for one record: tokens are Base64, so a little less than three quarters of
//! it. The setting `maximum_value_bytes` (decision C10) bounds them further. A list
//! has a stable order that says nothing about names.
//!
//! # A plugin of one's own on it
//! The store itself is [`SealedStore`], and any plugin can open one. What differs from plugin to
//! plugin is the [`StoreSettings`]: which there are, which values they let in, and whether
//! the store makes values by them. `generic` is one such plugin, `keyway-passdb` another; each reads
//! its own stores only (decision C4). A crate that does so depends on this one without its default
//! features: then a host that links it is not offered `generic`, which it did not ask for.
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
