//! How a plugin of this contract joins the registry.

use keyway_core::{Contract, ContractVersion, PluginKind};

use crate::SecretStorePlugin;

/// The contract for secret stores, as `register!` and the registry know it.
#[derive(Clone, Copy, Debug)]
pub struct SecretStores;

impl Contract for SecretStores {
    const KIND: PluginKind = PluginKind::Secret;
    const VERSION: ContractVersion = ContractVersion::new(1);
    type Plugin = dyn SecretStorePlugin;
}
