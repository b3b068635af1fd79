//! Generates passwords in a secret store, by stored settings, on any storage engine.
//!
//! The plugin is `passdb` ([`PassDbPlugin`]). A secret is created with a value, as in any store, or
//! without one; then the store draws a password. So no person invents or types the password, and
//! only a caller of `get` sees it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use keyway_core::{Plugins, Resources, Structured, Table, plugins};
//! use keyway_seal::{Key, KeyRing};
//! use keyway_secrets::{
//!     Configure, NewSecret, OpenContext, Recipe, SecretAddress, SecretChange, SecretName, SecretStores, StoreName,
//! };
//! use keyway_storage::{Memory, Storage};
//!
//! const PLUGINS: Plugins = plugins! { keyway_passdb };
//!
//! # pollster::block_on(async {
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<SecretStores>("passdb")?;
//!
//! // In production: keys from a key source, and `Sqlite::open("passwords.db")`.
//! let storage: Arc<dyn Storage> = Arc::new(Memory::new());
//! let keys = KeyRing::new([Key::generate()?])?;
//! let opening = OpenContext::new(StoreName::new("services")?, plugin.metadata().clone(), keys)
//!     // The settings of a new store: 32 letters and digits, at least one of them a digit.
//!     .with_configuration(serde_json::json!({
//!         "settings": { "length": 32, "alphabet": "alphanumeric", "require": ["digit"] }
//!     }))
//!     .with_resources(Resources::new().with(storage));
//! let store = plugin.open(&opening)?;
//! store.initialize().await?;
//!
//! // Follows the settings. `create` returns the header; `get` reads the password.
//! let database = SecretAddress::shared(SecretName::new("database")?);
//! store.create(NewSecret::generated(database.clone(), Recipe::new())).await?;
//! let secret = store.get(&database).await?;
//! let first = secret.value.expose_text().expect("passwords are texts");
//! assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
//!
//! // Overrides the settings for one secret.
//! let pin = SecretAddress::shared(SecretName::new("door")?);
//! store.create(NewSecret::generated(pin.clone(), Recipe::new().length(8).alphabet("digits"))).await?;
//!
//! // Replaces the password, unless another caller was faster.
//! let renewal = SecretChange::generated(Recipe::new());
//! store.modify(&database, renewal.if_unchanged(&secret.header)).await?;
//! assert_ne!(store.get(&database).await?.value.expose_text(), Some(first));
//!
//! // Changes the settings of later passwords, also after a restart.
//! let mut settings = Table::new();
//! settings.insert("length", Structured::Integer(64.into()));
//! let in_force = store.configure(Configure::Write(settings)).await?;
//! assert_eq!(in_force.to_json().unwrap()["alphabet"], "printable");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Settings
//! | name | type | if left out | |
//! | --- | --- | --- | --- |
//! | `length` | a number | 20 | how many characters, from 8 to 1024 (decision C11) |
//! | `alphabet` | a text | `printable` | one of [`keyway_passwords::Alphabet`]'s names |
//! | `require` | a list of texts | none | classes of which each password has at least one character: `lowercase`, `uppercase`, `digit`, `punctuation` |
//!
//! The settings are checked and stored, sealed, with the store. A password follows the settings in force when it is
//! stored: the commit checks that they have not changed since the password was made. `configure` replaces all of them;
//! a missing setting gets its default. The key `settings` of [`PassDbConfiguration`] holds the settings of a new store.
//!
//! A [`Recipe`](keyway_secrets::Recipe) replaces length and alphabet for one secret. A required
//! class is ignored if the recipe's alphabet has none of its characters: a caller that asks for
//! digits does not want a capital letter among them.
//!
//! Given values are stored unchanged, since the settings only concern generated passwords.
//!
//! # Storage layout and guarantees
//! The store is that of [`keyway_generic`] with other settings: see there for the layout, for keys and rotation, and
//! for what it hides. A stored record shows the length of its password, rounded to 16 bytes. Linking this crate does
//! not offer the plugin `generic`. Passwords are drawn by [`keyway_passwords`].
//!
//! To open the files of Convection's PassDB plugin, use `convection-passdb` of the crate
//! `keyway-convection`.
//!
//! # Features
//! `schemars`: the JSON schema of [`PassDbConfiguration`]. Off by default.

mod plugin;
mod settings;

pub use plugin::{PassDbConfiguration, PassDbPlugin};
pub use settings::{DEFAULT_LENGTH, PassDbSettings};

keyway_core::register! {
    keyway_secrets::SecretStores {
        id: "passdb",
        name: "Keyway PassDB",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261122,
        compatibility: ">=:1.0,<:2.0",
        plugin: PassDbPlugin,
    }
}
