//! Opens the issuer of an executable.

use std::sync::Arc;

use keyway_core::{Json, LookupError, Plugins, RegistryFaults};
use keyway_issuers::{Issuer, IssuerError, Issuers, OpenContext, ServiceName};

/// The error of opening the issuer of an executable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The registered plugins conflict.
    #[error(transparent)]
    Registry(#[from] RegistryFaults),
    /// No issuer has this id.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// No issuer is registered.
    #[error("no issuer is registered: name a crate that registers one")]
    None,
    /// Several issuers are registered, and the executable did not choose one.
    #[error("several issuers are registered: name one of {}", .ids.join(", "))]
    Several {
        /// Their ids.
        ids: Vec<&'static str>,
    },
    /// The plugin could not be opened.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
}

impl From<OpenError> for IssuerError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Issuer(error) => error,
            other => Self::not_ready("the issuer of this executable", keyway_core::with_causes(&other)),
        }
    }
}

/// Opens the issuer that `plugins` register under `id`, or the only issuer if `id` is `None`.
///
/// This does no I/O. The issuer gets its own id as the name of the service, and gets no resources.
///
/// # Errors
/// [`OpenError`].
pub fn open(
    plugins: &Plugins,
    id: Option<&str>,
    configuration: impl Into<Json>,
) -> Result<Arc<dyn Issuer>, OpenError> {
    let registry = plugins.registry()?;
    let plugin = if let Some(id) = id {
        registry.get::<Issuers>(id)?
    } else {
        let mut all: Vec<_> = registry.iter_of::<Issuers>().collect();
        match (all.pop(), all.is_empty()) {
            (Some(only), true) => only,
            (Some(last), false) => {
                let ids = all.iter().chain([&last]).map(keyway_core::Registered::id).collect();
                return Err(OpenError::Several { ids });
            }
            (None, _) => return Err(OpenError::None),
        }
    };
    let service = ServiceName::new(plugin.id())
        .map_err(|error| IssuerError::not_ready("the id of the issuer", error.to_string()))?;
    let opening = OpenContext::new(service, plugin.metadata().clone()).with_configuration(configuration);
    Ok(plugin.open(&opening)?)
}
