//! Opens secret stores on the files of Convection's Generic and PassDB plugins. Convection can open the files that this
//! crate writes, and this crate can open the files that Convection writes.
//!
//! ```
//! use keyway_core::SecretValue;
//! use keyway_seal::{Key, KeyRing};
//! use keyway_secrets::core::{Plugins, plugins};
//! use keyway_secrets::{NewSecret, OpenContext, SecretAddress, SecretName, SecretStores, StoreName};
//!
//! # pollster::block_on(async {
//! const PLUGINS: Plugins = plugins! { keyway_convection };
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<SecretStores>("convection-generic")?;
//!
//! // `directory` is Convection's storage folder: the store "web" is its file `secrets/web`.
//! // With `path` instead, any file opens, wherever it is.
//! let folder = tempfile::tempdir()?;
//! let keys = KeyRing::new([Key::generate()?, Key::generate()?])?;
//! let opening = OpenContext::new(StoreName::new("web")?, plugin.metadata().clone(), keys)
//!     .with_configuration(serde_json::json!({ "directory": folder.path() }));
//! let store = plugin.open(&opening)?;
//!
//! store.initialize().await?;
//! let address = SecretAddress::shared(SecretName::new("database password")?);
//! store.create(NewSecret::new(address.clone(), SecretValue::text("not a real one"))).await?;
//! assert_eq!(store.get(&address).await?.value.expose_text(), Some("not a real one"));
//! assert!(folder.path().join("secrets/web").is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Passwords
//!
//! `convection-passdb` uses the files of the PassDB plugin. A secret that is created without a value gets a password
//! that follows the settings in the file:
//!
//! ```
//! # use keyway_core::Table;
//! # use keyway_seal::{Key, KeyRing};
//! # use keyway_secrets::core::{Plugins, plugins};
//! # use keyway_secrets::{OpenContext, SecretAddress, SecretName, SecretStores, StoreName};
//! use keyway_secrets::{Configure, NewSecret, Recipe, SecretChange};
//!
//! # pollster::block_on(async {
//! # const PLUGINS: Plugins = plugins! { keyway_convection };
//! # let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<SecretStores>("convection-passdb")?;
//! # let folder = tempfile::tempdir()?;
//! # let keys = KeyRing::new([Key::generate()?])?;
//! let opening = OpenContext::new(StoreName::new("logins")?, plugin.metadata().clone(), keys)
//!     .with_configuration(serde_json::json!({
//!         "directory": folder.path(),
//!         "settings": { "default": { "length": 24, "letters": "ascii_letters" } },
//!     }));
//! let store = plugin.open(&opening)?;
//! store.initialize().await?;
//!
//! let address = SecretAddress::shared(SecretName::new("wiki")?);
//! store.create(NewSecret::generated(address.clone(), Recipe::new())).await?;
//! let password = store.get(&address).await?.value;
//! assert!(password.expose_text().unwrap().bytes().all(|byte| byte.is_ascii_alphabetic()));
//!
//! // Replaces it with one of digits, as Convection's `modify` does without a value.
//! store.modify(&address, SecretChange::generated(Recipe::new().alphabet("digits"))).await?;
//!
//! // Makes later passwords longer. Convection reads these settings too.
//! let settings = serde_json::json!({ "default": { "length": 40 } });
//! store.configure(Configure::Write(Table::from_json(settings.as_object().unwrap()).unwrap())).await?;
//! assert!(folder.path().join("passdb/logins").is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # The content of a file
//!
//! A file is one Fernet token of one TOML document; see [`mod@format`]. A value has any type of
//! TOML: texts, integers of any size, floating-point numbers, truth values, dates, lists, tables.
//! Other content, such as unknown sections, is kept.
//!
//! Every operation reads the whole file, and every change rewrites it, because the format requires it. For stores of
//! many thousands of secrets use another plugin.
//!
//! # Improvements over Convection
//!
//! * A write is atomic and durable: an unacceptable value is refused before any data is touched, and a crash at any
//!   moment leaves the old file or the new one (decision C6).
//! * Writers in several processes wait for each other, with a lock on a file beside the store file. Readers need no
//!   lock. **Convection's Python code takes no lock and overwrites files in place**: while it writes, a reader of this
//!   crate may see a partial file and answer [`Corrupt`](keyway_secrets::StoreError::Corrupt) or
//!   [`WrongKey`](keyway_secrets::StoreError::WrongKey), and a simultaneous change by Convection may be lost. A
//!   conflicting change that is noticed in time is reported as a [`Conflict`](keyway_secrets::StoreError::Conflict).
//!   Let one side write at a time.
//! * Rotation works (decision C7), and data of another plugin or an unsupported version is refused on every access
//!   (decision C4).
//!
//! # Differences from Convection
//!
//! * `initialize` never overwrites, and a deleted store stays deleted.
//! * New names must follow decision C9. Existing names that do not follow it can still be listed, read, changed and
//!   destroyed.
//! * A new value that is a table keeps its place in the order of the list. Python's writer moves tables behind all
//!   other values when it next writes the file.
//! * A password follows the settings in the file, even the first password after a start (decision C11). It has 8 to
//!   1024 characters, and `printable` includes neither white space nor control characters. A file whose settings have a
//!   length outside this range can be opened, but makes no passwords until its settings are changed.
//! * `configure` writes the settings to the file (decision C10). For a PassDB file it accepts the three alphabets that
//!   Convection allows in a file; a single value can use any alphabet of [`keyway_passwords`].
//! * A store file has at most 64 MiB. A larger one is refused before it is read.
//! * Nesting deeper than [`format::MAX_DEPTH`] and integers longer than [`format::MAX_INTEGER_DIGITS`] digits are
//!   refused.
//!
//! The plugins need a file system with locks and atomic renames. They block while they work, and declare this (decision
//! R1).

mod flavour;
pub mod format;
mod passdb;
mod plugin;
mod settings;
mod store_file;

pub use plugin::{ConvectionConfiguration, ConvectionPassDbPlugin, ConvectionPlugin};

keyway_core::register! {
    keyway_secrets::SecretStores {
        id: "convection-generic",
        name: "Generic",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261121,
        compatibility: ">=:1.0,<:2.0",
        plugin: ConvectionPlugin,
    }
    keyway_secrets::SecretStores {
        id: "convection-passdb",
        name: "PassDB",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261122,
        compatibility: ">=:1.0,<:2.0",
        description: "Secret store on the files of the Convection PassDB plugin",
        plugin: ConvectionPassDbPlugin,
    }
}
