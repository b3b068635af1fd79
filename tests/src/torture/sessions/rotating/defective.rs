//! A rotation in the wrong order: it changes the target before anything is stored.

use keyway_core::PluginError as _;
use keyway_credentials::{
    Changer as _, CheckIn, CheckedIn, CredentialChange, CredentialError, PrivateKey, Rotation,
    TargetCredential,
};
use keyway_secrets::{HostStores, SecretChange, StoreError, StoreName};
use keyway_vaulted::StoredAccount;
use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, LineEnding};

use super::accounts::{STORE, address};
use super::target::Target;

/// Changes the key of the account at the target, and stores it afterwards.
pub(super) async fn check_in(
    stores: &dyn HostStores,
    target: &Target,
    check_in: &CheckIn,
) -> Result<CheckedIn, CredentialError> {
    let failed = |error: StoreError| CredentialError::failed("it failed", error.detail());
    let store = stores.open(&StoreName::new(STORE).expect("a valid name")).await.map_err(failed)?;
    let secret = store.get(&address(&check_in.candidate)).await.map_err(failed)?;
    let account = StoredAccount::read(&secret.value);
    let account = account.map_err(|error| CredentialError::failed("it failed", error.to_string()))?;
    let is_held = account.leases().any(|(lease, ..)| *lease == check_in.lease.id);
    let (true, Some(old)) = (is_held, account.key().cloned()) else {
        return Ok(CheckedIn::new(Rotation::NotRotated));
    };
    let made = || {
        let key = ssh_key::PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?;
        key.to_openssh(LineEnding::LF)
    };
    let pem =
        made().map_err(|error: ssh_key::Error| CredentialError::failed("it failed", error.to_string()))?;
    let new = PrivateKey::new(pem.as_str(), None)?;
    let [old, credential] = [old, new.clone()].map(TargetCredential::PrivateKey);
    let change = CredentialChange::new(check_in.intent.clone(), check_in.candidate.clone(), old, credential);
    target.change(&change).await?;
    let promotion = SecretChange::value(StoredAccount::new().with_key(new).to_value());
    store.modify(&secret.header.address, promotion.if_unchanged(&secret.header)).await.map_err(failed)?;
    Ok(CheckedIn::new(Rotation::Rotated))
}
