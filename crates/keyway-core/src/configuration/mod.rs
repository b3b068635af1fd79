//! Reading a plugin's configuration.
//!
//! A plugin's configuration is a `serde` structure with `deny_unknown_fields`. The host hands over a [`Json`],
//! which may hold passwords and is wiped; [`read_configuration`] makes the structure of it before the plugin is
//! constructed.
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
mod reader;
#[cfg(test)]
mod tests;

pub use error::{ConfigurationError, ConfigurationProblem};
#[cfg(feature = "schemars")]
pub use schemars;

use serde::de::DeserializeOwned;

use crate::json::Json;

/// Makes a plugin's configuration of a JSON value. Does no I/O.
///
/// # Errors
/// [`ConfigurationError`] says where and what: a missing or unknown key, a wrong type, a
/// value that the plugin does not take. It never holds a value, which may be a secret.
pub fn read_configuration<T: DeserializeOwned>(value: &Json) -> Result<T, ConfigurationError> {
    T::deserialize(reader::Reader::new(value)).map_err(|failure| failure.explain(value))
}

/// The configuration of a plugin that has none: an object without keys is all that is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NoConfiguration {}

/// The JSON schema of a plugin's configuration, for hosts that show or check it.
#[cfg(feature = "schemars")]
pub fn configuration_schema<T: schemars::JsonSchema>() -> serde_json::Value {
    schemars::schema_for!(T).to_value()
}
