//! Defines [`Issuers`], by which the registry knows this contract.

use keyway_core::{Contract, ContractVersion, PluginKind};

use crate::IssuerPlugin;

/// The contract for issuers, for `register!` and the registry.
#[derive(Clone, Copy, Debug)]
pub struct Issuers;

impl Contract for Issuers {
    const KIND: PluginKind = PluginKind::Issuer;
    const VERSION: ContractVersion = ContractVersion::new(1);
    type Plugin = dyn IssuerPlugin;
}
