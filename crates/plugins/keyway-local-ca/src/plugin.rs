//! The plugin that the registry holds. It opens connections.

use std::sync::Arc;

use keyway_certificates::{CertificateAuthority, CertificateError, CertificatePlugin, Json, OpenContext};

use crate::LocalCa;
use crate::configuration::LocalCaConfiguration;

/// The plugin `local-ca`: a certificate authority on the storage engine that the host passes.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalCaPlugin;

impl CertificatePlugin for LocalCaPlugin {
    fn check_configuration(&self, configuration: &Json) -> Result<(), CertificateError> {
        LocalCaConfiguration::read(configuration).map(drop)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn CertificateAuthority>, CertificateError> {
        Ok(Arc::new(LocalCa::new(context)?))
    }
}
