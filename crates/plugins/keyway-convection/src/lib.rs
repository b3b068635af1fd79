//! Secret stores on the very files of Convection's Generic and PassDB plugins: a file that a
//! Python plugin wrote opens here, and one that was written here opens there.
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
//! `convection-passdb` has the files of the PassDB plugin. A secret that is created without a
//! value gets a password, by the settings that the file holds:
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
//! // Another one in its place, of digits this time, as Convection's `modify` does without a value.
//! store.modify(&address, SecretChange::generated(Recipe::new().alphabet("digits"))).await?;
//!
//! // From now on longer ones. Convection reads these settings too.
//! let settings = serde_json::json!({ "default": { "length": 40 } });
//! store.configure(Configure::Write(Table::from_json(settings.as_object().unwrap()).unwrap())).await?;
//! assert!(folder.path().join("passdb/logins").is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What is in a file
//!
//! One Fernet token of one TOML document; see [`mod@format`]. A value has any type of TOML:
//! texts, integers of any size, floating-point numbers, truth values, dates, lists, tables.
//! What the file holds beside that, such as sections that nobody here knows, is kept.
//!
//! Every operation reads the whole file, and every change writes it anew. That is the
//! format's nature; for stores of many thousands of secrets use another plugin.
//!
//! # What is better than there
//!
//! * A write is atomic and durable (decision C6): a value that cannot be stored is refused
//!   before anything is touched, and a crash at any moment leaves the old file or the new.
//! * Writers of several processes wait for each other, with a lock on a file beside the
//!   store file. Readers need no lock. **Convection's Python code takes no lock and
//!   overwrites files in place**: while it writes, a reader here may see half a file and
//!   answer [`Corrupt`](keyway_secrets::StoreError::Corrupt) or
//!   [`WrongKey`](keyway_secrets::StoreError::WrongKey), and a change that it makes at the
//!   same moment may be lost. A change that was noticed in time is
//!   [`Conflict`](keyway_secrets::StoreError::Conflict). Let one side write at a time.
//! * Rotation works (decision C7), and what another plugin or an unfit version wrote is
//!   refused on every access (decision C4).
//!
//! # Where it differs from there
//!
//! * `initialize` never overwrites, and a deleted store stays deleted.
//! * New names are held to decision C9. Others that a file holds already can be listed,
//!   read, changed and destroyed.
//! * A new value that is a table keeps its place in the order of the list. Python's writer
//!   moves tables behind all other values when it writes next.
//! * A password is made by the settings that the file holds, the first one after a start too
//!   (decision C11); it has from 8 to 1024 characters, and `printable` means neither white space nor
//!   control characters. A file whose settings say another length opens, and makes no
//!   passwords until they are changed.
//! * `configure` writes (decision C10). For a PassDB file it takes the three alphabets that
//!   Convection lets a file name; a single value can be made of any of [`keyway_passwords`]'.
//! * A store file has at most 64 MiB. A longer one is refused before it is read.
//! * Nesting deeper than [`format::MAX_DEPTH`] and integers longer than
//!   [`format::MAX_INTEGER_DIGITS`] digits are refused.
//!
//! It needs a file system with locks and atomic renames, and blocks while it works; it
//! declares so (decision R1).

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
