//! Describes the subject of the suite: a plugin for secret stores, and how to open it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use keyway_core::{PluginMetadata, Registration, Resources, Table, Version};
use keyway_secrets::{Capabilities, Json, SecretStore as _, SecretStorePlugin, SecretStores};

#[cfg(feature = "client")]
use super::client::{ClientMaker, KeywayClient};
use super::fixture::StoreFixture;
use super::generation_example::GenerationExample;
use super::kept::Kept;
use crate::notation::Fixture as _;
use crate::{History, Subject, Trial};

type Configuration = dyn Fn(&Path) -> Json + Send + Sync;
type Lending = dyn Fn(Resources, &Path) -> Resources + Send + Sync;

/// Describes a plugin for secret stores under test.
///
/// Every rule opens its stores in separate surroundings: a scratch folder, a fresh storage engine
/// in memory (lent as `Arc<dyn Storage>`), and a clock and keys of the kit.
///
/// ```no_run
/// # fn subject(plugin: &'static dyn keyway_secrets::SecretStorePlugin, metadata: keyway_core::PluginMetadata) {
/// use keyway_conformance::secrets::SecretStoreSubject;
///
/// let subject = SecretStoreSubject::new("my-store", plugin, metadata)
///     .configuration(|scratch| serde_json::json!({ "directory": scratch }));
/// # }
/// ```
pub struct SecretStoreSubject {
    name: String,
    pub(super) plugin: &'static dyn SecretStorePlugin,
    pub(super) metadata: PluginMetadata,
    pub(super) configuration: Arc<Configuration>,
    pub(super) lending: Arc<Lending>,
    pub(super) settings: Option<Table>,
    pub(super) generation: Option<GenerationExample>,
    #[cfg(feature = "client")]
    pub(super) client: Box<dyn ClientMaker>,
    capabilities: OnceLock<Capabilities>,
    kept: OnceLock<Kept>,
}

impl SecretStoreSubject {
    /// Makes a subject of a plugin, its name in reports, and its metadata. Its configuration is
    /// empty by default.
    pub fn new(
        name: impl Into<String>,
        plugin: &'static dyn SecretStorePlugin,
        metadata: PluginMetadata,
    ) -> Self {
        Self {
            name: name.into(),
            plugin,
            metadata,
            configuration: Arc::new(|_| Json::default()),
            lending: Arc::new(|resources, _| resources),
            settings: None,
            generation: None,
            #[cfg(feature = "client")]
            client: Box::new(KeywayClient),
            capabilities: OnceLock::new(),
            kept: OnceLock::new(),
        }
    }

    /// Makes a subject of a registered plugin. Returns `None` for another kind of plugin or another
    /// version of the contract.
    pub fn of(registration: &Registration) -> Option<Self> {
        let plugin = registration.plugin::<SecretStores>()?;
        Some(Self::new(registration.id(), plugin, registration.metadata().clone()))
    }

    /// Sets the plugin's configuration, given a folder that is fresh for each rule and removed
    /// after it. The plugin must write its files there.
    #[must_use]
    pub fn configuration<C: Into<Json>>(
        mut self,
        configuration: impl Fn(&Path) -> C + Send + Sync + 'static,
    ) -> Self {
        self.configuration = Arc::new(move |scratch| configuration(scratch).into());
        self
    }

    /// Lends the plugin further resources besides the kit's storage engine.
    #[must_use]
    pub fn lending(
        mut self,
        lending: impl Fn(Resources, &Path) -> Resources + Send + Sync + 'static,
    ) -> Self {
        self.lending = Arc::new(lending);
        self
    }

    /// Sets settings that a store accepts and that differ from those of a new store. Without them,
    /// the rules about changed settings are skipped.
    #[must_use]
    pub fn example_settings(mut self, settings: Table) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Sets example settings for generated passwords, and the passwords that they demand. Without
    /// them, the rules about settings for passwords are skipped. They also serve as example
    /// settings, unless others are set.
    #[must_use]
    pub fn generating(mut self, example: GenerationExample) -> Self {
        self.settings.get_or_insert_with(|| example.settings.clone());
        self.generation = Some(example);
        self
    }

    /// Sets the client that the rules about clients run over the plugin's stores, by default
    /// [`KeywayClient`]. Test another client over a plugin that is known to be sound, such as
    /// [`reference`](super::reference()).
    #[cfg(feature = "client")]
    #[must_use]
    pub fn client(mut self, client: impl ClientMaker + 'static) -> Self {
        self.client = Box::new(client);
        self
    }

    /// Returns the capabilities of the plugin's stores. The first call asks a store.
    ///
    /// # Panics
    /// If the plugin opens no store, since there is nothing to test; the suite reports it.
    pub fn capabilities(&self) -> Capabilities {
        *self.capabilities.get_or_init(|| {
            let history = History::default();
            let trial = Trial::new(self, 1, &history);
            let asked = StoreFixture::new(&trial).and_then(|fixture| Ok(fixture.open()?.capabilities()));
            match asked {
                Ok(capabilities) => capabilities,
                Err(broken) => panic!("no store opens, so nothing can be asked of one: {broken:?}"),
            }
        })
    }
}

impl SecretStoreSubject {
    /// Returns where the plugin keeps its data. The first call makes a store.
    pub(super) fn kept(&self) -> Kept {
        *self.kept.get_or_init(|| {
            let mut asked = Self::new(self.name.as_str(), self.plugin, self.metadata.clone());
            asked.configuration = Arc::clone(&self.configuration);
            asked.lending = Arc::clone(&self.lending);
            Kept::by(asked)
        })
    }
}

impl Subject for SecretStoreSubject {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> Version {
        self.metadata.version().clone()
    }
}

impl fmt::Debug for SecretStoreSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretStoreSubject").field("name", &self.name).finish_non_exhaustive()
    }
}
