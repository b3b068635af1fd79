//! Defines the plugin that the registry holds, and that opens issuers.

use std::sync::Arc;

use keyway_issuers::{Issuer, IssuerError, IssuerPlugin, Json, OpenContext};

use crate::configuration::ProcessConfiguration;
use crate::issuer::ProcessIssuer;

/// The plugin `process`: the executable of the [configuration](ProcessConfiguration) as an issuer.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessPlugin;

impl IssuerPlugin for ProcessPlugin {
    /// Checks everything but the existence of the executable, which would need I/O.
    fn check_configuration(&self, configuration: &Json) -> Result<(), IssuerError> {
        let configuration = ProcessConfiguration::read(configuration)?;
        configuration.program()?;
        configuration.configured_helper()?;
        configuration.always_by_argument()?;
        configuration.environment().map(drop)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
        let configuration = ProcessConfiguration::read(&context.configuration)?;
        Ok(Arc::new(ProcessIssuer::new(&configuration)?))
    }
}
