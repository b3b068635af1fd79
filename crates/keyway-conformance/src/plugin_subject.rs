//! The subject of a suite about plugins: a plugin, its configuration, and the resources that it gets from the host.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use keyway_core::{Contract, Json, PluginMetadata, Registration, Resources, Version};

use crate::{Candidate, Subject, Suite};

/// A contract for which the kit has a suite.
pub trait TestedContract: Contract + Sized {
    /// The facts that the author of the test tells the suite about the plugin, and the answers that the suite
    /// remembers.
    type Told: Default + Send + Sync;

    /// Makes the suite, with its rules sorted by id.
    fn suite() -> Suite<PluginSubject<Self>>;
}

type Configuration = dyn Fn(&Path) -> Json + Send + Sync;
type Lending = dyn Fn(Resources, &Path) -> Resources + Send + Sync;

/// A plugin under test, of any contract. Each suite has its own name for this type, and adds methods by which the
/// author of the test describes the plugin.
pub struct PluginSubject<C: TestedContract> {
    name: String,
    pub(crate) plugin: &'static C::Plugin,
    pub(crate) metadata: PluginMetadata,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) lending: Arc<Lending>,
    pub(crate) told: C::Told,
}

impl<C: TestedContract> PluginSubject<C> {
    /// Makes a subject of a plugin. `name` is the subject's name in reports, and `metadata` is the metadata under which
    /// the plugin is registered. By default, the plugin's configuration is empty, and the plugin gets only the
    /// resources that the kit itself gives.
    pub fn new(name: impl Into<String>, plugin: &'static C::Plugin, metadata: PluginMetadata) -> Self {
        let (configuration, lending) =
            (Arc::new(|_: &Path| Json::default()), Arc::new(|lent, _: &Path| lent));
        Self { name: name.into(), plugin, metadata, configuration, lending, told: C::Told::default() }
    }

    /// Makes a subject of a registered plugin. Returns `None` if the plugin is of another kind, or for another version
    /// of the contract.
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

    /// Sets the function that makes the configuration of the plugin. The plugin must keep all its files in the folder
    /// that the function gets. The folder is new for each rule, and removed after it.
    #[must_use]
    pub fn configuration<J: Into<Json>>(
        mut self,
        configuration: impl Fn(&Path) -> J + Send + Sync + 'static,
    ) -> Self {
        self.configuration = Arc::new(move |scratch| configuration(scratch).into());
        self
    }

    /// Sets a function that adds host resources to those that the kit itself gives to the plugin.
    #[must_use]
    pub fn lending(
        mut self,
        lending: impl Fn(Resources, &Path) -> Resources + Send + Sync + 'static,
    ) -> Self {
        self.lending = Arc::new(lending);
        self
    }

    /// Returns a subject of the same plugin with the same configuration and resources, but without the facts in `told`.
    pub(crate) fn without_facts(&self) -> Self {
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
