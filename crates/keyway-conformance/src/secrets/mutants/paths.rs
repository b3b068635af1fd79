//! Breaks stores that join names to a folder.

use std::fs;
use std::path::{Path, PathBuf};

use keyway_secrets::{
    Environment, NewEnvironment, NewSecret, SecretAddress, SecretHeader, SecretRevision, SecretStore,
};

use super::{SecretStoreSubject, StoreResult, mutants, store_mutant};

/// Joins a name to a folder that does not exist.
fn joined(name: &str) -> PathBuf {
    Path::new("/no-such-folder-of-the-kit").join(name)
}

mutants! {
    for SecretStoreSubject, by store_mutant;
    WritesNamedFiles breaks ["SEC-053"] "writes a file named as the secret" {
        async fn create(&self, secret: NewSecret) -> StoreResult<SecretHeader> {
            drop(fs::write(joined(secret.address.name.as_str()), "seen"));
            self.store.create(secret).await
        }
    }
    RemovesNamedFiles breaks ["SEC-053"] "removes a file named as the secret" {
        async fn destroy(&self, address: &SecretAddress, expected: Option<SecretRevision>) -> StoreResult<()> {
            drop(fs::remove_file(joined(address.name.as_str())));
            self.store.destroy(address, expected).await
        }
    }
    MakesNamedFolders breaks ["SEC-054"] "makes a folder named as the environment" {
        async fn create_environment(&self, new: NewEnvironment) -> StoreResult<Environment> {
            drop(fs::create_dir(joined(new.name.as_str())));
            self.store.create_environment(new).await
        }
    }
}
