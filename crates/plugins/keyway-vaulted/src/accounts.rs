//! Loads and changes accounts in the host's secret store.

use std::sync::{Arc, Mutex, PoisonError};

use keyway_core::{ErrorKind, PluginError as _};
use keyway_credentials::{Candidate, CredentialError};
use keyway_secrets::{
    Capabilities, EnvironmentName, HostStores, SecretAddress, SecretChange, SecretHeader, SecretName,
    SecretStore, StoreError, StoreName,
};

use crate::account::StoredAccount;

/// The accounts of one secret store. An asset is an environment, and an account a name in it.
#[derive(Debug)]
pub(crate) struct Accounts {
    stores: Arc<dyn HostStores>,
    name: StoreName,
    exclusive: bool,
    opened: Mutex<Option<Arc<dyn SecretStore>>>,
}

/// An account, and the version of the secret that it was read from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) account: StoredAccount,
    pub(crate) header: SecretHeader,
}

impl Accounts {
    pub(crate) fn new(stores: Arc<dyn HostStores>, name: StoreName, exclusive: bool) -> Self {
        Self { stores, name, exclusive, opened: Mutex::default() }
    }

    /// Loads an account. Returns `None` if the store does not have the account.
    pub(crate) async fn load(&self, candidate: &Candidate) -> Result<Option<Loaded>, CredentialError> {
        let Some(address) = address(candidate) else { return Ok(None) };
        let secret = match self.opened().await?.get(&address).await {
            Ok(secret) => secret,
            Err(StoreError::SecretNotFound { .. } | StoreError::EnvironmentNotFound { .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(self.failed("read an account", error)),
        };
        let account = StoredAccount::read(&secret.value).map_err(|error| {
            CredentialError::not_ready("an account in the secret store", error.to_string())
        })?;
        Ok(Some(Loaded { account, header: secret.header }))
    }

    /// Stores an account if it has not changed since it was loaded. Returns the header for the next change, or `None`
    /// if the account has changed.
    pub(crate) async fn store(
        &self,
        loaded: &SecretHeader,
        account: &StoredAccount,
    ) -> Result<Option<SecretHeader>, CredentialError> {
        let change = SecretChange::value(account.to_value()).if_unchanged(loaded);
        match self.opened().await?.modify(&loaded.address, change).await {
            Ok(header) => Ok(Some(header)),
            Err(
                StoreError::VersionConflict { .. }
                | StoreError::SecretNotFound { .. }
                | StoreError::EnvironmentNotFound { .. },
            ) => Ok(None),
            Err(error) => Err(self.failed("store an account", error)),
        }
    }

    async fn opened(&self) -> Result<Arc<dyn SecretStore>, CredentialError> {
        let known = self.lock().clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let store = self
            .stores
            .open(&self.name)
            .await
            .map_err(|error| self.failed("open the secret store", error))?;
        check(store.capabilities(), self.exclusive)?;
        *self.lock() = Some(Arc::clone(&store));
        Ok(store)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<dyn SecretStore>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Converts an error of the secret store. The store is opened again for the next call, since it may have been
    /// deleted and made anew.
    fn failed(&self, what: &'static str, error: StoreError) -> CredentialError {
        *self.lock() = None;
        if matches!(error, StoreError::NotInitialized) {
            let reason =
                format!("the host has no secret store {}: make it, or correct the configuration", self.name);
            return CredentialError::not_ready("the secret store of the accounts", reason);
        }
        match (error.kind(), error.effect()) {
            (_, keyway_core::Effect::Unknown) => CredentialError::system(what, error),
            (ErrorKind::Unavailable { retry_after }, _) => {
                let what = "the secret store of the accounts";
                CredentialError::Unavailable { what, retry_after, source: Some(error.into()) }
            }
            _ => CredentialError::not_ready("the secret store of the accounts", error.detail()),
        }
    }
}

/// Checks that a store can keep accounts.
fn check(capabilities: Capabilities, exclusive: bool) -> Result<(), CredentialError> {
    let missing = if !capabilities.environments {
        "environments, which are the assets"
    } else if exclusive && !capabilities.versions {
        "versions, without which two sessions could get one account: choose another store, or set `exclusive` to false"
    } else if exclusive && !capabilities.immediate() {
        "reads that show every write at once, without which two sessions could get one account: \
         choose another store, or set `exclusive` to false"
    } else {
        return Ok(());
    };
    Err(CredentialError::not_ready("the secret store of the accounts", format!("it does not have {missing}")))
}

/// Returns the address of an account's secret. Returns `None` if the account or the asset has a name that the secret
/// store cannot have.
fn address(candidate: &Candidate) -> Option<SecretAddress> {
    let name = SecretName::new(candidate.account.as_str()).ok()?;
    let environment = EnvironmentName::new(candidate.asset.as_str()).ok()?;
    Some(SecretAddress::in_environment(name, environment))
}
