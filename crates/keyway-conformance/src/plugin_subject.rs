//! The subject of a suite about plugins: a plugin, its configuration and what it is lent.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use keyway_core::{Contract, Json, PluginMetadata, Registration, Resources, Version};

use crate::{Candidate, Subject, Suite};

/// A contract that the kit has a suite for.
pub trait TestedContract: Contract + Sized {
    /// Holds what the suite is told beside the plugin, and what it remembers of it.
    type Told: Default + Send + Sync;

    /// Makes the suite, its rules sorted by id.
    fn suite() -> Suite<PluginSubject<Self>>;
}

type Configuration = dyn Fn(&Path) -> Json + Send + Sync;
type Lending = dyn Fn(Resources, &Path) -> Resources + Send + Sync;

/// Describes a plugin under test, of any contract. Each suite has a name of its own for the subjects of its contract,
/// and adds methods for what it wants to be told.
pub struct PluginSubject<C: TestedContract> {
    name: String,
    pub(crate) plugin: &'static C::Plugin,
    pub(crate) metadata: PluginMetadata,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) lending: Arc<Lending>,
    pub(crate) told: C::Told,
}

impl<C: TestedContract> PluginSubject<C> {
    /// Takes a plugin, the name that reports use, and the metadata that the plugin is registered under. By default
    /// its own configuration is empty, and it is lent nothing of the host's.
    pub fn new(name: impl Into<String>, plugin: &'static C::Plugin, metadata: PluginMetadata) -> Self {
        let (configuration, lending) =
            (Arc::new(|_: &Path| Json::default()), Arc::new(|lent, _: &Path| lent));
        Self { name: name.into(), plugin, metadata, configuration, lending, told: C::Told::default() }
    }

    /// Makes a subject of a registered plugin. Returns `None` for another kind of plugin or another
    /// version of the contract.
    pub fn of(registration: &Registration) -> Option<Self> {
        let plugin = registration.plugin::<C>()?;
        Some(Self::new(registration.id(), plugin, registration.metadata().clone()))
    }

    /// Sets the name in reports.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Says how the plugin itself is configured, when it is opened. The folder is fresh for each rule and removed
    /// after it; whatever the plugin writes belongs there.
    #[must_use]
    pub fn configuration<J: Into<Json>>(
        mut self,
        configuration: impl Fn(&Path) -> J + Send + Sync + 'static,
    ) -> Self {
        self.configuration = Arc::new(move |scratch| configuration(scratch).into());
        self
    }

    /// Lends the plugin the resources that it asks for, beside those that the kit lends.
    #[must_use]
    pub fn lending(
        mut self,
        lending: impl Fn(Resources, &Path) -> Resources + Send + Sync + 'static,
    ) -> Self {
        self.lending = Arc::new(lending);
        self
    }

    /// Returns the same plugin as another subject, of which nothing else is told.
    #[cfg(feature = "secrets")]
    pub(crate) fn untold(&self) -> Self {
        let (configuration, lending) = (Arc::clone(&self.configuration), Arc::clone(&self.lending));
        let subject = Self::new(self.name.as_str(), self.plugin, self.metadata.clone());
        Self { configuration, lending, ..subject }
    }
}

impl<C: TestedContract> Deref for PluginSubject<C> {
    type Target = C::Told;

    fn deref(&self) -> &Self::Target {
        &self.told
    }
}

impl<C: TestedContract> Subject for PluginSubject<C> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> Version {
        self.metadata.version().clone()
    }
}

impl<C: TestedContract> fmt::Debug for PluginSubject<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginSubject").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<C: TestedContract> From<PluginSubject<C>> for Candidate {
    fn from(subject: PluginSubject<C>) -> Self {
        Self::new(C::suite(), Arc::new(subject))
    }
}
