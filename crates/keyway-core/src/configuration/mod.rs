//! The reader of a plugin's configuration.
//!
//! A plugin's configuration is a `serde` structure with `deny_unknown_fields`. The host passes the values as [`Json`],
//! which is wiped on drop, since they may be passwords. [`read_configuration`] converts this JSON to the structure
//! before the plugin is constructed.
//!
//! ```
//! use keyway_core::configuration::read_configuration;
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Configuration {
//!     path: String,
//!     #[serde(default)]
//!     page_size: Option<u32>,
//! }
//!
//! let value = serde_json::json!({ "path": "/var/lib/secrets", "page_sise": 50 });
//! let error = read_configuration::<Configuration>(&value.into()).err().unwrap();
//! assert_eq!(error.to_string(), "configuration: unknown key `page_sise`; did you mean `page_size`?");
//! ```

mod error;
mod keys;
mod reader;
#[cfg(test)]
mod tests;

pub use error::{ConfigurationError, ConfigurationProblem};
pub use keys::configuration_keys;
#[cfg(feature = "schemars")]
pub use schemars;

use serde::de::DeserializeOwned;

use crate::json::Json;

/// Converts a JSON value to a plugin's configuration. Does no I/O.
///
/// # Errors
/// [`ConfigurationError`] names the place and the problem: a missing or unknown key, a wrong type, or a value that the
/// plugin refuses. It never contains a value, since a value may be secret.
pub fn read_configuration<T: DeserializeOwned>(value: &Json) -> Result<T, ConfigurationError> {
    T::deserialize(reader::Reader::new(value)).map_err(|failure| failure.explain(value))
}

/// The configuration of a plugin that needs none. Only an object without keys is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NoConfiguration {}

/// Returns the JSON schema of a plugin's configuration, for hosts that display or validate it.
#[cfg(feature = "schemars")]
pub fn configuration_schema<T: schemars::JsonSchema>() -> serde_json::Value {
    schemars::schema_for!(T).to_value()
}
