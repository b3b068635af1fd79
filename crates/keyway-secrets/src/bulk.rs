//! Writes many secrets in one commit.

use std::collections::HashSet;

use keyway_core::{SecretValue, Structured};

use crate::{NewSecret, NewValue, SecretAddress, SecretChange, SecretHeader, SecretStore, StoreError};

/// One write of a batch for [`SecretStore::write_all`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SecretWrite {
    /// Creates a secret, as [`SecretStore::create`] does.
    Create(NewSecret),
    /// Changes a secret, as [`SecretStore::modify`] does.
    Modify(SecretAddress, SecretChange),
}

impl SecretWrite {
    /// Returns the address of the secret.
    pub fn address(&self) -> &SecretAddress {
        match self {
            Self::Create(secret) => &secret.address,
            Self::Modify(address, _) => address,
        }
    }

    /// Returns the share of [`BulkLimits::bytes`] that this write uses: the bytes of its names, description and value.
    /// A structured value counts about as many bytes as its text form.
    pub fn bytes(&self) -> usize {
        let (value, description) = match self {
            Self::Create(secret) => (Some(&secret.value), secret.description.as_ref()),
            Self::Modify(_, change) => {
                (change.value.as_ref(), change.description.as_ref().and_then(Option::as_ref))
            }
        };
        let address = self.address();
        address.name.as_str().len()
            + address.environment.as_ref().map_or(0, |environment| environment.as_str().len())
            + description.map_or(0, String::len)
            + value.and_then(NewValue::as_given).map_or(0, value_bytes)
    }

    /// Splits writes into batches within `limits`, which are those of the store, in order. A write that is too large
    /// for a batch gets a batch of its own, and so does every write if the store has no bulk write. Write the batches
    /// with [`write_batch`](Self::write_batch).
    ///
    /// The limits do not count the data that a changed secret keeps, so the store may still refuse a batch as
    /// [`TooLarge`](StoreError::TooLarge), before it writes anything. Then write each of its writes as a batch of its
    /// own (H96).
    pub fn batches(writes: Vec<Self>, limits: Option<BulkLimits>) -> Vec<Vec<Self>> {
        let limits = limits.unwrap_or(BulkLimits { writes: 1, bytes: 0 });
        let mut batches: Vec<Vec<Self>> = Vec::new();
        let mut bytes_left = 0;
        for write in writes {
            let bytes = write.bytes();
            match batches.last_mut() {
                Some(batch) if batch.len() < limits.writes && bytes <= bytes_left => {
                    bytes_left -= bytes;
                    batch.push(write);
                }
                _ => {
                    bytes_left = limits.bytes.saturating_sub(bytes);
                    batches.push(vec![write]);
                }
            }
        }
        batches
    }

    /// Writes a batch from [`batches`](Self::batches): a single write with `create` or `modify`,
    /// several with `write_all`. Returns the headers in the order of the writes. Blocks as the
    /// store does.
    ///
    /// # Errors
    /// Those of [`SecretStore::write_all`]; for a single write, those of `create` and `modify`. A batch that is
    /// [`TooLarge`](StoreError::TooLarge) is not split, because its writes may belong together.
    ///
    /// # Cancel safety
    /// If the future is dropped, the batch took effect as a whole or not at all.
    pub async fn write_batch(
        store: &dyn SecretStore,
        mut batch: Vec<Self>,
    ) -> Result<Vec<SecretHeader>, StoreError> {
        if batch.len() != 1 {
            return store.write_all(batch).await;
        }
        match batch.pop() {
            Some(Self::Create(secret)) => Ok(vec![store.create(secret).await?]),
            Some(Self::Modify(address, change)) => Ok(vec![store.modify(&address, change).await?]),
            None => Ok(Vec::new()),
        }
    }
}

/// The size limits of a batch for [`SecretStore::write_all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkLimits {
    /// The maximum number of writes.
    pub writes: usize,
    /// The maximum number of bytes of all writes together, counted by [`SecretWrite::bytes`].
    pub bytes: usize,
}

impl BulkLimits {
    /// Checks the size of a batch, and that it writes each secret once. A store does so before it touches any data.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) if the batch has too many writes; [`InBatch`](StoreError::InBatch) at the
    /// second write to one address; [`TooLarge`](StoreError::TooLarge) if the batch has too many bytes.
    pub fn check(&self, batch: &[SecretWrite]) -> Result<(), StoreError> {
        if batch.len() > self.writes {
            let reason = format!("it has {} writes, and at most {} fit", batch.len(), self.writes);
            return Err(StoreError::invalid("the batch", reason));
        }
        let bytes = batch.iter().map(SecretWrite::bytes).fold(0, usize::saturating_add);
        if bytes > self.bytes {
            return Err(StoreError::TooLarge { what: "the batch", bytes, limit: self.bytes });
        }
        let mut seen = HashSet::new();
        match batch.iter().position(|write| !seen.insert(write.address())) {
            None => Ok(()),
            Some(at) => Err(StoreError::invalid("the batch", "it writes a secret twice").in_batch(at)),
        }
    }
}

fn value_bytes(value: &SecretValue) -> usize {
    match value {
        SecretValue::Structured(structured) => structured_bytes(structured),
        other => other.expose_bytes().map_or(0, <[u8]>::len),
    }
}

fn structured_bytes(value: &Structured) -> usize {
    const EACH: usize = 8;
    match value {
        Structured::Text(text) | Structured::DateTime(text) => EACH + text.len(),
        Structured::Integer(integer) => EACH + integer.decimal().len(),
        Structured::Float(_) | Structured::Boolean(_) => 2 * EACH,
        Structured::Array(items) => EACH + items.iter().map(structured_bytes).sum::<usize>(),
        Structured::Table(table) => {
            let entries = table.iter().map(|(name, value)| EACH + name.len() + structured_bytes(value));
            EACH + entries.sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretName;

    fn write(name: &str, bytes: usize) -> SecretWrite {
        let address = SecretAddress::shared(SecretName::new(name).unwrap());
        SecretWrite::Create(NewSecret::new(address, SecretValue::text("v".repeat(bytes - name.len()))))
    }

    #[test]
    fn batches_keep_the_order_and_the_limits() {
        let writes = [("a", 4), ("b", 5), ("c", 1), ("d", 30), ("e", 2), ("f", 2), ("g", 2), ("h", 2)];
        let writes: Vec<_> = writes.map(|(name, bytes)| write(name, bytes)).into();
        let names = |limits| -> Vec<String> {
            SecretWrite::batches(writes.clone(), limits)
                .iter()
                .map(|batch| batch.iter().map(|write| write.address().name.as_str()).collect())
                .collect()
        };
        let limits = BulkLimits { writes: 3, bytes: 10 };
        assert_eq!(names(Some(limits)), ["abc", "d", "efg", "h"]);
        assert_eq!(names(None), ["a", "b", "c", "d", "e", "f", "g", "h"]);
        for batch in SecretWrite::batches(writes.clone(), Some(limits)) {
            assert!(batch.len() == 1 || limits.check(&batch).is_ok());
        }
    }

    #[test]
    fn a_batch_that_passes_a_limit_is_refused() {
        let limits = BulkLimits { writes: 2, bytes: 10 };
        limits.check(&[write("a", 5), write("b", 5)]).unwrap();
        for (batch, text) in [
            (vec![write("a", 1), write("b", 1), write("c", 1)], "at most 2 fit"),
            (vec![write("a", 5), write("b", 6)], "11 bytes"),
            (vec![write("a", 1), write("a", 2)], "write 1 of the batch"),
        ] {
            let error = limits.check(&batch).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
