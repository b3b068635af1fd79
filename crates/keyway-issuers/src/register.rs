//! How a plugin of this contract joins the registry.

use keyway_core::{Contract, ContractVersion, PluginKind};

use crate::IssuerPlugin;

/// The contract for issuers, as `register!` and the registry know it.
#[derive(Clone, Copy, Debug)]
pub struct Issuers;

impl Contract for Issuers {
    const KIND: PluginKind = PluginKind::Issuer;
    const VERSION: ContractVersion = ContractVersion::new(1);
    type Plugin = dyn IssuerPlugin;
}
