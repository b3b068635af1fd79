//! The registration of plugins of this contract.

use keyway_core::{Contract, ContractVersion, PluginKind};

use crate::CredentialStorePlugin;

/// The contract for credential stores, as `register!` and the registry name it.
#[derive(Clone, Copy, Debug)]
pub struct CredentialStores;

impl Contract for CredentialStores {
    const KIND: PluginKind = PluginKind::Credential;
    const VERSION: ContractVersion = ContractVersion::new(1);
    type Plugin = dyn CredentialStorePlugin;
}
