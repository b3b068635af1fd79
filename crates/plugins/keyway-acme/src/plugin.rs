//! The plugin that the registry holds. It opens connections.

use std::sync::Arc;

use keyway_certificates::{CertificateAuthority, CertificateError, CertificatePlugin, Json, OpenContext};

use crate::acme::Acme;
use crate::configuration::AcmeConfiguration;

/// The plugin `acme`: certificates from any server that speaks ACME.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcmePlugin;

impl CertificatePlugin for AcmePlugin {
    fn check_configuration(&self, configuration: &Json) -> Result<(), CertificateError> {
        AcmeConfiguration::read(configuration).map(drop)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn CertificateAuthority>, CertificateError> {
        Ok(Arc::new(Acme::new(context)?))
    }
}
