//! Computes the keys of a store's records, which reveal no names.

use hmac::{Hmac, KeyInit, Mac};
use keyway_secrets::{EnvironmentName, SecretAddress, StoreName};
use keyway_storage::KeyRange;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const STORE_BYTES: usize = 16;
const PLACE_BYTES: usize = 16;

/// The kinds of records of a store, each in its own key range.
#[repr(u8)]
#[derive(Clone, Copy)]
enum Room {
    Header = 0,
    Counters = 1,
    Environments = 2,
    Secrets = 3,
}

/// The prefix of all keys of one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StorePrefix([u8; STORE_BYTES]);

impl StorePrefix {
    pub(crate) fn of(store: &StoreName) -> Self {
        let digest = Sha256::new()
            .chain_update(b"keyway-generic store\0")
            .chain_update(store.as_str().as_bytes())
            .finalize();
        Self(std::array::from_fn(|at| digest[at]))
    }

    fn room(self, room: Room) -> Vec<u8> {
        let mut key = Vec::with_capacity(STORE_BYTES + 1 + Group::BYTES + PLACE_BYTES);
        key.extend_from_slice(&self.0);
        key.push(room as u8);
        key
    }

    pub(crate) fn all(self) -> KeyRange {
        KeyRange::prefix(self.0)
    }

    pub(crate) fn header(self) -> Vec<u8> {
        self.room(Room::Header)
    }

    pub(crate) fn counters(self) -> Vec<u8> {
        self.room(Room::Counters)
    }

    pub(crate) fn environments(self) -> KeyRange {
        KeyRange::prefix(self.room(Room::Environments))
    }

    pub(crate) fn secrets(self) -> KeyRange {
        KeyRange::prefix(self.room(Room::Secrets))
    }

    /// Returns the range of the secrets of one environment. They are next to each other, so a list scans one range.
    pub(crate) fn secrets_of(self, group: Group) -> KeyRange {
        let mut prefix = self.room(Room::Secrets);
        prefix.extend_from_slice(&group.0);
        KeyRange::prefix(prefix)
    }

    /// Returns the group in the key of a secret.
    pub(crate) fn group_of(self, key: &[u8]) -> Option<Group> {
        let rest = key.strip_prefix(self.room(Room::Secrets).as_slice())?;
        rest.first_chunk().copied().map(Group)
    }
}

/// The keyed hash that stands for an environment, or for the secrets without an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group(pub(crate) [u8; Group::BYTES]);

impl Group {
    pub(crate) const BYTES: usize = 8;
}

/// The mark that every sealed record of a store carries. It makes the store refuse records of another store with the
/// same keys, or of an earlier store of the same name. It is not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreMark(pub(crate) [u8; StoreMark::BYTES]);

impl StoreMark {
    pub(crate) const BYTES: usize = 8;
}

/// Computes the keys of records as keyed hashes of names. The key of the hash is long-lived, and is stored sealed. So
/// the records alone reveal no name, and a rotation moves no record.
///
/// See decision C15.
#[derive(Clone)]
pub(crate) struct NameIndex {
    // The HMAC is keyed once. Copying its state is cheap, while keying it costs two hash blocks.
    keyed: Hmac<Sha256>,
}

impl NameIndex {
    pub(crate) const KEY_BYTES: usize = 32;

    pub(crate) fn new(key: &[u8; Self::KEY_BYTES]) -> Self {
        let keyed =
            Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        Self { keyed }
    }

    /// Returns a new random key.
    pub(crate) fn draw_key() -> Result<Zeroizing<[u8; Self::KEY_BYTES]>, getrandom::Error> {
        let mut key = Zeroizing::new([0; Self::KEY_BYTES]);
        getrandom::fill(key.as_mut_slice())?;
        Ok(key)
    }

    pub(crate) fn store_mark(&self) -> StoreMark {
        let mark = self.mark(&[b"store"]);
        StoreMark(std::array::from_fn(|at| mark[at]))
    }

    pub(crate) fn group(&self, environment: Option<&EnvironmentName>) -> Group {
        let mark = match environment {
            None => self.mark(&[b"shared"]),
            Some(environment) => self.mark(&[b"group\0", environment.as_str().as_bytes()]),
        };
        Group(std::array::from_fn(|at| mark[at]))
    }

    pub(crate) fn environment_key(&self, store: StorePrefix, environment: &EnvironmentName) -> Vec<u8> {
        let mut key = store.room(Room::Environments);
        key.extend_from_slice(
            &self.mark(&[b"environment\0", environment.as_str().as_bytes()])[..PLACE_BYTES],
        );
        key
    }

    pub(crate) fn secret_key(&self, store: StorePrefix, group: Group, address: &SecretAddress) -> Vec<u8> {
        let environment = address.environment.as_ref().map_or("", |environment| environment.as_str());
        let length = u32::try_from(environment.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mark =
            self.mark(&[b"secret\0", &length, environment.as_bytes(), address.name.as_str().as_bytes()]);
        let mut key = store.room(Room::Secrets);
        key.extend_from_slice(&group.0);
        key.extend_from_slice(&mark[..PLACE_BYTES]);
        key
    }

    fn mark(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for NameIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NameIndex([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_secrets::SecretName;

    fn address(environment: Option<&str>, name: &str) -> SecretAddress {
        SecretAddress {
            environment: environment.map(|name| EnvironmentName::new(name).unwrap()),
            name: SecretName::new(name).unwrap(),
        }
    }

    fn key(index: &NameIndex, address: &SecretAddress) -> Vec<u8> {
        let store = StorePrefix::of(&StoreName::new("s").unwrap());
        index.secret_key(store, index.group(address.environment.as_ref()), address)
    }

    #[test]
    fn every_address_has_a_key_of_its_own() {
        let index = NameIndex::new(&[7; 32]);
        let addresses = [
            address(None, "ab"),
            address(None, "a"),
            address(Some("a"), "b"),
            address(Some("ab"), "c"),
            address(Some("a"), "bc"),
        ];
        let mut keys: Vec<_> = addresses.iter().map(|address| key(&index, address)).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), addresses.len());
    }

    #[test]
    fn another_index_key_gives_other_keys_and_no_key_shows_a_name() {
        let address = address(Some("production"), "database-password");
        let one = key(&NameIndex::new(&[1; 32]), &address);
        let two = key(&NameIndex::new(&[2; 32]), &address);
        assert_ne!(one, two);
        let text = String::from_utf8_lossy(&one).into_owned();
        assert!(!text.contains("database") && !text.contains("production"));
    }
}
