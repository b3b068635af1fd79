//! The common base of all four Keyway contracts: plugin metadata, compatibility strings, the plugin registry, plugin
//! configuration, error kinds and secret values.
//!
//! Plugin authors and hosts use this crate through the contract crates and the `keyway` facade, which re-export it.
//! This page shows how the parts work together.
//!
//! # A contract, a plugin, a host
//!
//! A contract crate defines the trait object that its plugins register:
//!
//! ```
//! # mod keyway_greeters {
//! use keyway_core::{Contract, ContractVersion, PluginKind};
//!
//! pub trait Greeter: Send + Sync {
//!     fn greet(&self, name: &str) -> String;
//! }
//!
//! pub enum Greeters {}
//!
//! impl Contract for Greeters {
//!     const KIND: PluginKind = PluginKind::Secret;
//!     const VERSION: ContractVersion = ContractVersion::new(1);
//!     type Plugin = dyn Greeter;
//! }
//! # }
//! # mod polite_greeter {
//! # use crate::keyway_greeters;
//!
//! // A plugin crate implements the trait and registers, once, at its root. A mistake here (a
//! // date that does not exist, a version that the plugin could not read itself) does not
//! // compile.
//! struct Polite;
//!
//! impl keyway_greeters::Greeter for Polite {
//!     fn greet(&self, name: &str) -> String {
//!         format!("Good day, {name}")
//!     }
//! }
//!
//! keyway_core::register! {
//!     keyway_greeters::Greeters {
//!         id: "polite-greeter",
//!         name: "Polite",
//!         version: "1.2.0",
//!         author: "Ada <ada@example.org>",
//!         updated: 20261121,
//!         compatibility: ">=:1.0,<:2.0",
//!         description: "Greets everybody",
//!         plugin: Polite,
//!     }
//! }
//! # }
//! # use keyway_greeters::{Greeter, Greeters};
//!
//! // A host lists its plugins once, and finds them by id.
//! use keyway_core::{Plugins, compatibility, plugins};
//!
//! const PLUGINS: Plugins = plugins! { polite_greeter };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<Greeters>("polite-greeter")?;
//! assert_eq!(plugin.greet("Bob"), "Good day, Bob");
//! assert_eq!(plugin.metadata().to_string(), "Polite 1.2.0 (Secret)");
//!
//! // It also finds them by name and version.
//! let plugin = registry.select::<Greeters>("Polite", &compatibility!("==:1.2"))?;
//!
//! // A store keeps the writer's stamp beside its data; every open compares it.
//! let stamp = plugin.metadata().written_by();
//! plugin.metadata().check(&stamp)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | a plugin's description of itself | [`PluginMetadata`], [`Version`], [`Compatibility`] |
//! | the writer of data and its permitted readers | [`WrittenBy`], [`PluginMetadata::check`] |
//! | registering and finding plugins | [`register!`], [`plugins!`], [`Registry`] |
//! | a plugin's configuration | [`configuration`] |
//! | the resources that a host lends to a plugin | [`Resources`] |
//! | failures | [`ErrorKind`], [`Effect`], [`PluginError`], [`CallError`], [`SystemFault`] |
//! | secrets in memory | [`SecretValue`], [`SecretText`]; [`unescape_json`] reads them from JSON |
//! | repeated calls and crashes | [`IntentId`], [`Reconciliation`] |
//! | JSON with secret texts | [`json`] |
//! | names, ids and other texts with a checked form | [`checked_text!`] |
//!
//! # Features
//!
//! Both features are off by default. `schemars` adds JSON schemas of plugin configurations. `semver` adds conversions
//! of [`Version`] and [`Compatibility`] from and to the types of the crate `semver`.

mod call_error;
mod clock;
pub mod codec;
mod compatibility;
mod compile_time;
pub mod configuration;
mod error;
mod identifier;
mod intent;
pub mod json;
mod key;
mod metadata;
mod open_context;
mod registry;
mod resources;
mod secret;
#[cfg(feature = "semver")]
mod semver;
mod standard_streams;
mod text;
mod version;
mod wiped;

#[cfg(feature = "semver")]
pub use self::semver::NotExpressible;
pub use call_error::CallError;
pub use clock::{Clock, SystemClock, Timestamp};
pub use compatibility::Compatibility;
pub use configuration::{NoConfiguration, read_configuration};
pub use error::{Effect, ErrorKind, PluginError, SystemFault, with_causes};
pub use identifier::is_identifier;
pub use intent::{IntendedEffect, IntentId, Reconciled, Reconciliation};
pub use json::{Json, JsonObject};
pub use metadata::{
    Date, IncompatibleData, IncompatibleReason, MetadataError, MetadataField, PluginKind, PluginMetadata,
    WrittenBy,
};
pub use open_context::OpenContext;
pub use registry::{
    Contract, ContractUse, ContractVersion, LookupError, Origin, Plugins, Registered, Registration, Registry,
    RegistryBuilder, RegistryFault, RegistryFaults,
};
pub use resources::{MissingResource, Resources};
pub use secret::{
    Integer, JsonTextError, JsonTextFault, MediaKind, SecretText, SecretValue, Structured, Table,
    unescape_json,
};
pub use standard_streams::{read_standard_input, write_standard_output};
pub use text::{InvalidText, is_not_blank, is_one_line};
pub use version::Version;
pub use version::grammar::{Expected, ParseError};
pub use wiped::{Wipe, Wiped};

/// The items that the macros expand to. Do not use them directly: they may change with every version.
#[doc(hidden)]
pub mod __private {
    pub use std::{env, file, line, stringify};

    pub use inventory;

    pub use crate::compatibility::Clause;
    pub use crate::metadata::Declared;
    pub use crate::registry::{Holder, Linked, ListedCrate};
}
