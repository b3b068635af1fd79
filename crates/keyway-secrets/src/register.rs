//! Defines [`SecretStores`], by which the registry knows this contract.

use keyway_core::{Contract, ContractVersion, PluginKind};

use crate::SecretStorePlugin;

/// Identifies the contract for secret stores to `register!` and the registry.
///
/// This is version 2: a host of version 1 would ask a store for operations that the store does not declare, and would
/// take a stale read for a fresh one (decision H95).
#[derive(Clone, Copy, Debug)]
pub struct SecretStores;

impl Contract for SecretStores {
    const KIND: PluginKind = PluginKind::Secret;
    const VERSION: ContractVersion = ContractVersion::new(2);
    type Plugin = dyn SecretStorePlugin;
}
