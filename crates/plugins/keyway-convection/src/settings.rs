//! The settings of a store, which are the section `[config]` of its file.
//!
//! See decision C10.

use keyway_core::{Structured, Table, read_configuration};
use keyway_secrets::StoreError;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::format;

/// The settings that Convection's specification defines for the Generic plugin: one optional table with any content.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // Only the shape is used.
struct Settings {
    #[serde(default)]
    data: Map<String, Value>,
}

/// Returns the settings of a new store.
pub(crate) fn initial() -> Table {
    in_force(Table::new())
}

/// Returns the settings in force. By Convection's specification, a missing table `data` is an empty one.
pub(crate) fn in_force(mut settings: Table) -> Table {
    if settings.get("data").is_none() {
        settings.push_new("data", Structured::Table(Table::new()));
    }
    settings
}

/// Checks settings from a caller or from a file.
pub(crate) fn check(settings: &Table) -> Result<(), StoreError> {
    const WHAT: &str = "the settings";
    // Only the shape is checked, since `data` may hold types that JSON does not have.
    let shape = settings.iter().map(|(name, value)| {
        let value = match value {
            Structured::Table(_) => Value::Object(Map::new()),
            Structured::Array(_) => Value::Array(Vec::new()),
            Structured::Text(_) => Value::String(String::new()),
            Structured::Boolean(_) => Value::Bool(true),
            _ => Value::from(0),
        };
        (name.to_owned(), value)
    });
    read_configuration::<Settings>(&Value::Object(shape.collect()).into())
        .map_err(|error| StoreError::invalid(WHAT, error.to_string()))?;
    format::check_table(settings).map_err(|error| StoreError::invalid(WHAT, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_left_out_is_an_empty_one() {
        let in_force = in_force(Table::new());
        assert_eq!(in_force.to_json(), initial().to_json());
        let mut given = Table::new();
        let mut data = Table::new();
        data.push_new("k", Structured::text("v"));
        given.push_new("data", Structured::Table(data));
        assert_eq!(super::in_force(given.clone()).to_json(), given.to_json());
    }
}
