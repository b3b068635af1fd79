//! What is stored of a store's life, with its schema version.

use keyway_seal::KeyId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::machine::{Phase, StoreState};
use crate::sealed_records::RecordError;

/// The schema that this version writes and reads. Whoever raises it goes on reading the
/// older ones.
const SCHEMA: u32 = 1;

/// What the host remembers of a store.
#[derive(Clone, Debug)]
pub(crate) struct StoreRecord {
    pub(crate) plugin: String,
    pub(crate) configuration: Value,
    pub(crate) state: StoreState,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema: u32,
    plugin: String,
    configuration: Value,
    phase: Phase,
    keys: Vec<String>,
    new_keys: Vec<String>,
}

impl StoreRecord {
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        let texts = |keys: &[KeyId]| keys.iter().map(ToString::to_string).collect();
        let stored = Stored {
            schema: SCHEMA,
            plugin: self.plugin.clone(),
            configuration: self.configuration.clone(),
            phase: self.state.phase,
            keys: texts(&self.state.keys),
            new_keys: texts(&self.state.new_keys),
        };
        serde_json::to_vec(&stored).map_err(|error| RecordError::Corrupt { reason: error.to_string() })
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let corrupt = |reason: String| RecordError::Corrupt { reason };
        let schema = serde_json::from_slice::<Value>(bytes)
            .ok()
            .and_then(|value| value.get("schema").and_then(Value::as_u64))
            .ok_or_else(|| corrupt("it has no schema version".to_owned()))?;
        if schema != u64::from(SCHEMA) {
            return Err(corrupt(format!("schema {schema}, and this version knows {SCHEMA}")));
        }
        let stored: Stored =
            serde_json::from_slice(bytes).map_err(|error| corrupt(format!("column {}", error.column())))?;
        let ids = |texts: Vec<String>| -> Result<Vec<KeyId>, RecordError> {
            texts
                .iter()
                .map(|text| text.parse().map_err(|_| corrupt("a key id is not one".to_owned())))
                .collect()
        };
        let state =
            StoreState { phase: stored.phase, keys: ids(stored.keys)?, new_keys: ids(stored.new_keys)? };
        Ok(Self { plugin: stored.plugin, configuration: stored.configuration, state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_and_another_schema_is_refused() {
        let record = StoreRecord {
            plugin: "generic".into(),
            configuration: serde_json::json!({"a": [1]}),
            state: StoreState {
                phase: Phase::Rotating,
                keys: vec![KeyId::from_bytes([1; 8])],
                new_keys: vec![KeyId::from_bytes([2; 8])],
            },
        };
        let bytes = record.to_bytes().unwrap();
        let back = StoreRecord::from_bytes(&bytes).unwrap();
        assert_eq!(
            (back.plugin, back.configuration, back.state),
            (record.plugin, record.configuration, record.state)
        );
        let other = String::from_utf8(bytes).unwrap().replace("\"schema\":1", "\"schema\":2");
        let error = StoreRecord::from_bytes(other.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("schema 2"), "{error}");
    }
}
