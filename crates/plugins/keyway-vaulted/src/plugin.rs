//! Defines the plugin that the registry holds, and that opens credential stores.

use std::sync::Arc;

use keyway_core::Json;
use keyway_credentials::{
    Changer, CredentialError, CredentialStore, CredentialStorePlugin, OpenContext, Prober,
};
use keyway_issuers::HostGrants;
use keyway_secrets::HostStores;

use crate::accounts::Accounts;
use crate::configuration::Settings;
use crate::store::VaultedStore;

/// The plugin `vaulted`. Its configuration is a [`VaultedConfiguration`](crate::VaultedConfiguration).
#[derive(Clone, Copy, Debug, Default)]
pub struct VaultedPlugin;

impl CredentialStorePlugin for VaultedPlugin {
    fn check_configuration(&self, configuration: &Json) -> Result<(), CredentialError> {
        Settings::read(configuration).map(drop)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn CredentialStore>, CredentialError> {
        let settings = Settings::read(&context.configuration)?;
        let lent = &context.resources;
        let stores = lent.require::<Arc<dyn HostStores>>()?;
        if settings.rotation.is_some() {
            lent.require::<Arc<dyn Changer>>()?;
            lent.require::<Arc<dyn Prober>>()?;
        }
        if settings.certificates.is_some() {
            lent.require::<Arc<dyn HostGrants>>()?;
        }
        let accounts = Accounts::new(Arc::clone(stores), settings.store.clone(), settings.exclusive);
        Ok(Arc::new(VaultedStore {
            accounts,
            changer: lent.get::<Arc<dyn Changer>>().cloned(),
            prober: lent.get::<Arc<dyn Prober>>().cloned(),
            grants: lent.get::<Arc<dyn HostGrants>>().cloned(),
            clock: Arc::clone(&context.clock),
            settings,
        }))
    }
}
