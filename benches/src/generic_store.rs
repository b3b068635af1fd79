//! A filled store of the plugin `keyway-generic` on an SQLite file.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use keyway_core::SecretText;
use keyway_core::{Plugins, Resources, SecretValue, plugins};
use keyway_seal::{FileKeySource, Key, KeyRing};
use keyway_secrets::{
    ListQuery, NewSecret, OpenContext, Progress, SecretAddress, SecretName, SecretStore, SecretStores,
    SecretWrite, StoreError, StoreName,
};
use keyway_storage::{KeyRange, Memory, Sqlite, Storage};
use pollster::block_on;

use crate::areas::BenchError;

const PLUGINS: Plugins = plugins! { keyway_generic };
/// An open store of the plugin `keyway-generic`.
#[derive(Debug)]
pub struct GenericStore {
    storage: Arc<dyn Storage>,
    store: Arc<dyn SecretStore>,
    key: SecretText,
}

impl GenericStore {
    /// Creates a store in a new file, with the given number of secrets.
    ///
    /// # Errors
    /// Those of the store and of the system.
    pub fn create(file: &Path, secrets: u32) -> Result<Self, BenchError> {
        let key = Key::generate()?;
        let store = Self::with(file, key.expose_text(), KeyRing::new([key])?)?;
        block_on(store.store.initialize())?;
        store.put_all(0..secrets)?;
        Ok(store)
    }

    /// Opens a store whose key was written by [`write_keys`](Self::write_keys).
    ///
    /// # Errors
    /// Those of the store and of the system.
    pub fn open(file: &Path, keys: &Path) -> Result<Self, BenchError> {
        let key = SecretText::from(fs::read_to_string(keys)?);
        Self::with(file, key, FileKeySource::new(keys).read()?)
    }

    fn with(file: &Path, key: SecretText, ring: KeyRing) -> Result<Self, BenchError> {
        Self::on(Arc::new(Sqlite::open_or_create(file)?), key, ring)
    }

    /// Creates an empty store in memory.
    ///
    /// # Errors
    /// Those of the store and of the system.
    pub fn in_memory() -> Result<Self, BenchError> {
        Self::over(Arc::new(Memory::new()))
    }

    /// Creates an empty store on a storage engine.
    ///
    /// # Errors
    /// Those of the store and of the system.
    pub fn over(storage: Arc<dyn Storage>) -> Result<Self, BenchError> {
        let key = Key::generate()?;
        let store = Self::on(storage, key.expose_text(), KeyRing::new([key])?)?;
        block_on(store.store.initialize())?;
        Ok(store)
    }

    /// Returns the store itself.
    pub fn store(&self) -> &Arc<dyn SecretStore> {
        &self.store
    }

    fn on(storage: Arc<dyn Storage>, key: SecretText, ring: KeyRing) -> Result<Self, BenchError> {
        let registry = PLUGINS.registry()?;
        let plugin = registry.get::<SecretStores>("generic")?;
        let opening = OpenContext::new(StoreName::new("bench")?, plugin.metadata().clone(), ring)
            .with_resources(Resources::new().with(Arc::clone(&storage)));
        let store = plugin.open(&opening)?;
        Ok(Self { storage, store, key })
    }

    /// Writes the key to a file that only this user can read.
    ///
    /// # Errors
    /// Those of the system.
    #[cfg(unix)]
    pub fn write_keys(&self, file: &Path) -> Result<(), BenchError> {
        use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
        file.write_all(self.key.expose().as_bytes())?;
        Ok(())
    }

    /// Creates the secret with the given number, durably.
    ///
    /// # Errors
    /// Those of the store.
    pub fn put(&self, number: u32) -> Result<(), BenchError> {
        Ok(block_on(self.put_async(number))?)
    }

    /// Creates the secret with the given number, durably. It blocks only if the store blocks.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn put_async(&self, number: u32) -> Result<(), StoreError> {
        let secret =
            secret(number).map_err(|error| StoreError::system("name a secret", error.to_string()))?;
        self.store.create(secret).await.map(drop)
    }

    /// Creates secrets, in as few commits as the limits of the store permit.
    ///
    /// # Errors
    /// Those of the store.
    pub fn put_all(&self, numbers: Range<u32>) -> Result<(), BenchError> {
        // The secrets are made in parts, so that they are not all in memory at once.
        for first in numbers.clone().step_by(10_000) {
            let last = first.saturating_add(10_000).min(numbers.end);
            let writes = (first..last).map(|number| Ok(SecretWrite::Create(secret(number)?)));
            let writes = writes.collect::<Result<_, BenchError>>()?;
            for batch in SecretWrite::batches(writes, self.store.capabilities().bulk) {
                block_on(SecretWrite::write_batch(&*self.store, batch))?;
            }
        }
        Ok(())
    }

    /// Returns the value of the secret with the given number.
    ///
    /// # Errors
    /// Those of the store.
    pub fn get(&self, number: u32) -> Result<String, BenchError> {
        let secret = block_on(self.store.get(&address(number)?))?;
        Ok(secret.value.expose_text().ok_or("the value is not a text")?.to_owned())
    }

    /// Rotates to a new key, and returns the number of records sealed again.
    ///
    /// # Errors
    /// Those of the store.
    pub fn rotate(&mut self) -> Result<u32, BenchError> {
        let key = Key::generate()?;
        let text = key.expose_text();
        let done = AtomicU64::new(0);
        let listener = |progress: Progress| done.store(progress.done, Ordering::Relaxed);
        block_on(self.store.rotate(&KeyRing::new([key])?, &listener))?;
        self.key = text;
        Ok(u32::try_from(done.into_inner())?)
    }

    /// Lists page by page with values, and returns the number of secrets.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn count_by_listing(&self) -> Result<u32, BenchError> {
        let mut query = ListQuery::all().with_values();
        let mut count = 0;
        loop {
            let page = self.store.list(&query).await?;
            count += u32::try_from(page.secrets.len())?;
            match page.next {
                Some(cursor) => query = query.after(cursor),
                None => return Ok(count),
            }
        }
    }

    /// Returns the most frequent lengths of key and value among the stored records. Most records hold secrets, so these
    /// are the lengths of a record that holds a secret.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn lengths_of_a_record(&self) -> Result<Lengths, BenchError> {
        let page = block_on(self.storage.scan(&KeyRange::all(), None, 100))?;
        let mut lengths = BTreeMap::<_, u32>::new();
        for entry in &page.entries {
            // format (1) | key id (8) | length of the header token (4) | header token | value token
            let header = entry.value.get(9..13).and_then(|bytes| bytes.try_into().ok());
            let header = header.map_or(0, |bytes| u32::from_le_bytes(bytes) as usize);
            let value_token = entry.value.len().saturating_sub(13 + header);
            let found = Lengths { key: entry.key.len(), record: entry.value.len(), value_token };
            *lengths.entry(found).or_default() += 1;
        }
        let most = lengths.into_iter().max_by_key(|(_, count)| *count).ok_or("the storage is empty")?;
        Ok(most.0)
    }
}

/// The lengths of the parts of a record, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lengths {
    /// The length of the record's key in the storage.
    pub key: usize,
    /// The length of the record's value in the storage.
    pub record: usize,
    /// The length of the token that a `get` opens. The token is a part of the record's value.
    pub value_token: usize,
}

/// Returns the value of a secret. The value contains the number of the secret, so that a wrong value is noticed.
fn value(number: u32) -> String {
    format!("value-{number:08}-of-a-secret-for-a-benchmark")
}

/// Returns the number that a value contains, or `None` if the text does not begin like a value of such a store.
pub fn number_of_value(value: &str) -> Option<u32> {
    value.strip_prefix("value-")?.get(..8)?.parse().ok()
}

fn secret(number: u32) -> Result<NewSecret, BenchError> {
    Ok(NewSecret::new(address(number)?, SecretValue::text(value(number))))
}

fn address(number: u32) -> Result<SecretAddress, BenchError> {
    Ok(SecretAddress::shared(SecretName::new(format!("secret-{number:08}"))?))
}

#[cfg(test)]
mod tests {
    use super::{GenericStore, number_of_value};
    use pollster::block_on;

    #[test]
    fn a_filled_store_has_its_secrets_before_and_after_a_rotation() {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, keys) = (directory.path().join("store"), directory.path().join("keys"));
        let mut store = GenericStore::create(&file, 150).expect("a store");
        assert!(store.rotate().expect("a rotation") >= 150);
        store.write_keys(&keys).expect("keys");
        drop(store);
        let store = GenericStore::open(&file, &keys).expect("the store");
        assert_eq!(block_on(store.count_by_listing()).expect("a list"), 150);
        assert_eq!(number_of_value(&store.get(149).expect("a secret")), Some(149));
        assert!(store.get(150).is_err());
    }
}
