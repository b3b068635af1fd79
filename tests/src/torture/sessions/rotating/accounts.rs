//! The accounts of the rotating vault: their first keys, their files, and the secret store that keeps the accounts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyway_core::PluginError as _;
use keyway_credentials::{Account, Asset, Candidate, PrivateKey};
use keyway_host::Host;
use keyway_host::stores::HostedStore;
use keyway_secrets::{
    EnvironmentName, NewEnvironment, NewSecret, SecretAddress, SecretName, SecretStore as _, StoreName,
};
use keyway_vaulted::StoredAccount;
use serde_json::json;
use ssh_key::LineEnding;
use ssh_key::private::{Ed25519Keypair, KeypairData};

use super::super::plan::Plan;
use super::super::vaults::VaultTerms;
use crate::torture::hosting;

/// The name of the secret store.
pub(super) const STORE: &str = "accounts";
/// The asset of all accounts.
pub(super) const ASSET: &str = "web1";

/// Returns all accounts.
pub(super) fn candidates() -> impl Iterator<Item = Candidate> {
    VaultTerms::ACCOUNTS.into_iter().map(|account| {
        let account = Account::new(account).expect("a valid name");
        Candidate::new(account, Asset::new(ASSET).expect("a valid name"))
    })
}

/// Returns the pattern of the files.
pub(super) fn pattern(folder: &Path) -> String {
    format!("{}/keys/{{asset}}/{{account}}/authorized_keys", folder.display())
}

/// Returns the file of an account.
pub(super) fn file(folder: &Path, candidate: &Candidate) -> PathBuf {
    folder
        .join("keys")
        .join(candidate.asset.as_str())
        .join(candidate.account.as_str())
        .join("authorized_keys")
}

/// Returns the whole file of an account with this public key. The options and the comment of the key have no white
/// space, because the reader of the target does not support it.
pub(super) fn content(public: &str) -> String {
    format!("# keys of the team\nrestrict,command=\"a\" {public} joe@home\n\n# end")
}

/// Creates the files, the store and the accounts that are missing. Other hosts may do the same at the same time.
pub(in super::super) async fn set_up(plan: &Plan, host: &Host) -> Result<(), String> {
    let store = store(host).await?;
    for (candidate, number) in candidates().zip(1..) {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[number; 32]));
        let key = ssh_key::PrivateKey::new(pair, "").map_err(|error| error.to_string())?;
        let public = key.public_key().to_openssh().map_err(|error| error.to_string())?;
        create(&file(&plan.folder, &candidate), plan, &content(&public))
            .map_err(|error| error.to_string())?;

        let pem = key.to_openssh(LineEnding::LF).map_err(|error| error.to_string())?;
        let key = PrivateKey::new(pem.as_str(), None).map_err(|error| error.to_string())?;
        let name = EnvironmentName::new(ASSET).map_err(|error| error.to_string())?;
        // Accounts of an earlier run stay, so errors are ignored. The `get` below finds missing accounts.
        let _ = store.create_environment(NewEnvironment { name, external_url: None }).await;
        let (address, account) = (address(&candidate), StoredAccount::new().with_key(key));
        let _ = store.create(NewSecret::new(address.clone(), account.to_value())).await;
        store.get(&address).await.map_err(|error| error.detail())?;
    }
    Ok(())
}

/// Opens the secret store, and creates it if it is missing.
pub(super) async fn store(host: &Host) -> Result<HostedStore, String> {
    let name = StoreName::new(STORE).map_err(|error| error.to_string())?;
    let mut last = String::new();
    for _ in 0..200 {
        match host.stores().open(&name).await {
            Ok(store) => return Ok(store),
            Err(error) => last = error.detail(),
        }
        match host.stores().create(&name, "generic", json!({}), &hosting::keys()?).await {
            Ok(store) => return Ok(store),
            Err(error) => last = format!("{last}; {}", error.detail()),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(format!("the store of the accounts cannot be opened: {last}"))
}

pub(super) fn address(candidate: &Candidate) -> SecretAddress {
    let name = SecretName::new(candidate.account.as_str()).expect("a valid name");
    SecretAddress::in_environment(name, EnvironmentName::new(ASSET).expect("a valid name"))
}

/// Creates a file with all of its content, unless the file exists. A kill cannot leave a part of the content.
fn create(file: &Path, plan: &Plan, content: &str) -> io::Result<()> {
    if file.exists() {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder)?;
    let new = folder.join(format!("new-{}-{}", plan.slot, std::process::id()));
    fs::write(&new, content)?;
    match fs::hard_link(&new, file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::remove_file(&new),
    }
}
