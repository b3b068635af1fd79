//! The registration of plugins of this contract.

use keyway_core::{Contract, ContractVersion, PluginKind};

use crate::CertificatePlugin;

/// The contract for certificate authorities, for `register!` and the registry.
#[derive(Clone, Copy, Debug)]
pub struct CertificateAuthorities;

impl Contract for CertificateAuthorities {
    const KIND: PluginKind = PluginKind::Certificate;
    const VERSION: ContractVersion = ContractVersion::new(1);
    type Plugin = dyn CertificatePlugin;
}
