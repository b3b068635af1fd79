//! The arguments with which a host opens a plugin.

use std::fmt;
use std::sync::Arc;

use crate::{Clock, Json, PluginMetadata, Resources, SystemClock};

/// The arguments with which a host opens a plugin under a name.
///
/// `N` is the type of the name. Each contract has an alias of this type with its own type of name.
#[derive(Clone)]
#[non_exhaustive]
pub struct OpenContext<N> {
    /// The name under which the host offers the plugin.
    pub name: N,
    /// The metadata under which the plugin is registered.
    pub metadata: PluginMetadata,
    /// The plugin's own configuration.
    pub configuration: Json,
    /// The resources that the host lends.
    pub resources: Resources,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
}

impl<N> OpenContext<N> {
    /// Creates a context with an empty configuration, no resources, and the system's clock.
    pub fn new(name: N, metadata: PluginMetadata) -> Self {
        Self {
            name,
            metadata,
            configuration: Json::default(),
            resources: Resources::new(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the plugin's own configuration.
    #[must_use]
    pub fn with_configuration(mut self, configuration: impl Into<Json>) -> Self {
        self.configuration = configuration.into();
        self
    }

    /// Sets the resources that the host lends.
    #[must_use]
    pub fn with_resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl<N: fmt::Debug> fmt::Debug for OpenContext<N> {
    /// Omits the configuration, since it may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenContext")
            .field("name", &self.name)
            .field("metadata", &self.metadata)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::OpenContext;
    use crate::PluginMetadata;

    #[test]
    fn the_debugging_text_of_an_opening_shows_no_configuration() {
        let metadata = PluginMetadata::from_json(
            r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121,
                "compatibility": ">=:1.0,<:2.0",
                "plugin": {"name": "Door", "type": "Issuer", "description": "d"}}"#,
        )
        .unwrap();
        let configuration = serde_json::json!({ "password": "n33dle" });
        let context = OpenContext::new("door", metadata).with_configuration(configuration);
        assert!(!format!("{context:?}").contains("n33dle"));
    }
}
