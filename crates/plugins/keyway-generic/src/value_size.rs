//! The check whether a value fits into a record of the storage engine. It is made before anything is sealed.

use keyway_core::SecretValue;
use keyway_secrets::StoreError;
use keyway_storage::Limits;

use crate::record::SecretRecord;
use crate::structured_codec::structured_bytes;

/// Returns the length of a value as it is encoded in the plaintext of its record.
pub(crate) fn value_bytes(value: &SecretValue) -> usize {
    match value {
        SecretValue::Structured(structured) => structured_bytes(structured),
        other => other.expose_bytes().map_or(0, <[u8]>::len),
    }
}

impl SecretRecord {
    /// Refuses a value whose sealed record would be too large for the engine.
    ///
    /// The check precedes sealing, because sealing a far too large value takes seconds, and the engine would report
    /// only the size of the sealed record.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] with the size of the value and the maximum size under this name.
    pub(crate) fn check_size(&self, value: &SecretValue, limits: Limits) -> Result<(), StoreError> {
        let fits = |bytes| self.sealed_bytes(bytes) <= limits.value_bytes;
        let bytes = value_bytes(value);
        if fits(bytes) {
            return Ok(());
        }
        // A sealed record is longer than its value, so the limit is below that of the engine.
        let (mut limit, mut beyond) = (0, limits.value_bytes);
        while limit + 1 < beyond {
            let middle = limit.midpoint(beyond);
            if fits(middle) { limit = middle } else { beyond = middle }
        }
        Err(StoreError::TooLarge { what: "the value", bytes, limit })
    }
}

#[cfg(test)]
mod tests {
    use keyway_core::Timestamp;
    use keyway_seal::{Key, KeyRing};
    use keyway_secrets::{SecretAddress, SecretName};

    use super::*;
    use crate::handle::StoreKeys;
    use crate::layout::StoreMark;

    #[test]
    fn the_largest_value_is_known_before_it_is_sealed() {
        let ring = KeyRing::new([Key::generate().unwrap()]).unwrap();
        let keys = StoreKeys { ring: &ring, store: StoreMark([7; StoreMark::BYTES]) };
        let limits =
            Limits { value_bytes: 4096, ..keyway_storage::Storage::limits(&keyway_storage::Memory::new()) };
        for (name, description) in [("a", None), ("a-longer-name", Some("described".to_owned()))] {
            let address = SecretAddress::shared(SecretName::new(name).unwrap());
            let record = SecretRecord::new(address, description, Timestamp::from_milliseconds(1)).unwrap();
            let text = |bytes: usize| SecretValue::text("x".repeat(bytes));
            let Err(StoreError::TooLarge { bytes: 9000, limit, .. }) = record.check_size(&text(9000), limits)
            else {
                panic!("it is refused with its own size")
            };
            assert!(limit > 2000, "{limit}");
            record.check_size(&text(limit), limits).unwrap();
            assert!(record.check_size(&text(limit + 1), limits).is_err());
            let sealed = |bytes| record.seal(&text(bytes), keys).unwrap().len();
            assert!(sealed(limit) <= 4096 && sealed(limit + 1) > 4096, "{limit}");
            assert_eq!(record.sealed_bytes(limit), sealed(limit));
        }
    }
}
