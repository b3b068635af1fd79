//! Mutants that join a name to the path of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use keyway_secrets::SecretStore;

use super::{SecretStoreSubject, mutants, operation, store_mutant};

/// Joins a name to the path of a folder that does not exist.
fn joined(name: &str) -> PathBuf {
    Path::new("/no-such-folder-of-the-kit").join(name)
}

mutants! {
    for SecretStoreSubject, by store_mutant;
    WritesNamedFiles breaks ["SEC-053"] "writes a file named as the secret"
        (create |mutant, secret| {
            drop(fs::write(joined(secret.address.name.as_str()), "seen"));
            mutant.store.create(secret).await
        })
    RemovesNamedFiles breaks ["SEC-053"] "removes a file named as the secret"
        (destroy |mutant, address, expected| {
            drop(fs::remove_file(joined(address.name.as_str())));
            mutant.store.destroy(address, expected).await
        })
    MakesNamedFolders breaks ["SEC-054"] "makes a folder named as the environment"
        (create_environment |mutant, new| {
            drop(fs::create_dir(joined(new.name.as_str())));
            mutant.store.create_environment(new).await
        })
}
