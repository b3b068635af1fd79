//! The stored form of a store: its origin, which is sealed once, and its state.

use keyway_core::codec::{LENGTH_BYTES, Malformed, Reader, put_text, put_time, put_u32};
use keyway_core::{Json, Wiped};
use keyway_seal::KeyId;
use keyway_secrets::{StoreError, StoreName};

use super::machine::{Phase, StoreState};
use crate::records::{STORED_JSON, Stored, read_code};

/// The part of a store's record that never changes.
#[derive(Clone)]
pub(crate) struct StoreOrigin {
    pub(crate) name: StoreName,
    pub(crate) plugin: String,
    /// The plugin's configuration, as JSON.
    configuration: Wiped<String>,
}

impl StoreOrigin {
    /// Creates the origin of a store.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if the configuration could not be read again once it is stored.
    pub(crate) fn new(name: StoreName, plugin: &str, configuration: &Json) -> Result<Self, StoreError> {
        let configuration = configuration.to_ascii();
        if STORED_JSON.read(configuration.as_bytes()).is_err() {
            let reason = "too many lists and objects lie in each other";
            return Err(StoreError::invalid("the configuration of the plugin", reason));
        }
        Ok(Self { name, plugin: plugin.to_owned(), configuration })
    }

    /// Reads the plugin's configuration, which was parsed before it was stored.
    pub(crate) fn configuration(&self) -> Json {
        STORED_JSON.read(self.configuration.as_bytes()).unwrap_or_default()
    }
}

impl Stored for StoreOrigin {
    const SCHEMA: u8 = 2;

    fn encoded_len(&self) -> usize {
        3 * LENGTH_BYTES + self.name.as_str().len() + self.plugin.len() + self.configuration.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_text(out, self.name.as_str());
        put_text(out, &self.plugin);
        put_text(out, &self.configuration);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let name =
            StoreName::new(reader.text()?).map_err(|_| Malformed { expected: "the name of a store" })?;
        let (plugin, configuration) = (reader.text()?.to_owned(), Wiped::new(reader.text()?.to_owned()));
        if STORED_JSON.read(configuration.as_bytes()).is_err() {
            return Err(Malformed { expected: "a configuration" });
        }
        Ok(Self { name, plugin, configuration })
    }
}

impl Stored for StoreState {
    const SCHEMA: u8 = 2;

    fn encoded_len(&self) -> usize {
        1 + 4 + 8 + 2 * 4 + (self.keys.len() + self.new_keys.len()) * 8
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.phase as u8);
        put_u32(out, self.failures);
        put_time(out, self.next);
        for keys in [&self.keys, &self.new_keys] {
            put_u32(out, u32::try_from(keys.len()).unwrap_or(u32::MAX));
            for key in keys {
                out.extend_from_slice(&key.to_bytes());
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let phase = read_code(reader, &PHASES, |phase| phase as u8, "the phase of a store")?;
        let (failures, next) = (reader.u32()?, reader.time()?);
        let mut keys = || -> Result<Vec<_>, Malformed> {
            (0..reader.u32()?).map(|_| reader.array().map(KeyId::from_bytes)).collect()
        };
        Ok(Self { phase, keys: keys()?, new_keys: keys()?, failures, next })
    }
}

const PHASES: [Phase; 5] =
    [Phase::Creating, Phase::Adopting, Phase::Active, Phase::Rotating, Phase::Deleting];

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_core::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn states_come_back_and_cut_ones_are_refused(
            phase in 0..5_usize, keys: Vec<[u8; 8]>, new_keys: Vec<[u8; 8]>, failures: u32, next: u64,
            cut: prop::sample::Index,
        ) {
            let ids = |keys: Vec<[u8; 8]>| keys.into_iter().map(KeyId::from_bytes).collect();
            let next = Timestamp::from_milliseconds(next);
            let state = StoreState { phase: PHASES[phase], keys: ids(keys), new_keys: ids(new_keys), failures, next };
            let mut bytes = Vec::new();
            state.write(&mut bytes);
            prop_assert_eq!(bytes.len(), state.encoded_len());
            prop_assert_eq!(StoreState::read(&mut Reader::new(&bytes)), Ok(state));
            prop_assert!(StoreState::read(&mut Reader::new(&bytes[..cut.index(bytes.len())])).is_err());
        }
    }

    #[test]
    fn an_origin_comes_back() {
        let configuration = Json::from(serde_json::json!({"a": [1]}));
        let name = StoreName::new("web").unwrap();
        let origin = StoreOrigin::new(name.clone(), "generic", &configuration).unwrap();
        let mut bytes = Vec::new();
        origin.write(&mut bytes);
        assert_eq!(bytes.len(), origin.encoded_len());
        let back = StoreOrigin::read(&mut Reader::new(&bytes)).unwrap();
        assert_eq!((back.name, back.plugin.as_str()), (origin.name.clone(), "generic"));
        assert_eq!(origin.configuration(), configuration);
        // JSON of this depth could be written, but not read again.
        let deep = (0..70).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
        assert!(StoreOrigin::new(name, "generic", &deep).is_err());
    }
}
