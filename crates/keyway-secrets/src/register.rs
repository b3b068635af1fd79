//! How a plugin of this contract joins the registry.

use keyway_core::{Contract, ContractVersion, PluginKind};

use crate::SecretStorePlugin;

/// The contract for secret stores, as `register!` and the registry know it.
///
/// It is version 2: a host of version 1 would ask a store for operations that it does not declare, and take a read
/// that may be stale for a fresh one (H95).
#[derive(Clone, Copy, Debug)]
pub struct SecretStores;

impl Contract for SecretStores {
    const KIND: PluginKind = PluginKind::Secret;
    const VERSION: ContractVersion = ContractVersion::new(2);
    type Plugin = dyn SecretStorePlugin;
}
