//! The subject of the suite: a plugin for secret stores, and how to open it.

use keyway_core::Table;
use keyway_secrets::{Capabilities, SecretStore as _, SecretStores};

#[cfg(feature = "client")]
use super::client::{ClientMaker, KeywayClient};
use super::fixture::StoreFixture;
use super::generation_example::GenerationExample;
use super::kept::Kept;
use crate::asked::Asked;
use crate::notation::Fixture as _;
use crate::{PluginSubject, Suite, TestedContract};

/// A plugin for secret stores under test.
///
/// Every rule opens its stores with its own scratch folder, a new storage engine in memory (lent as
/// `Arc<dyn Storage>`), and a clock and keys of the kit.
///
/// ```no_run
/// # fn subject(plugin: &'static dyn keyway_secrets::SecretStorePlugin, metadata: keyway_core::PluginMetadata) {
/// use keyway_conformance::secrets::SecretStoreSubject;
///
/// let subject = SecretStoreSubject::new("my-store", plugin, metadata)
///     .configuration(|scratch| serde_json::json!({ "directory": scratch }));
/// # }
/// ```
pub type SecretStoreSubject = PluginSubject<SecretStores>;

impl TestedContract for SecretStores {
    type Told = ToldOfStores;

    fn suite() -> Suite<SecretStoreSubject> {
        super::suite()
    }
}

/// The facts that the author of the test tells the suite about a plugin for secret stores.
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "its subject has a name to show")]
pub struct ToldOfStores {
    pub(super) settings: Option<Table>,
    pub(super) generation: Option<GenerationExample>,
    #[cfg(feature = "client")]
    pub(super) client: Box<dyn ClientMaker>,
    capabilities: Asked<Capabilities>,
    kept: Asked<Kept>,
}

#[cfg(feature = "client")]
impl Default for Box<dyn ClientMaker> {
    fn default() -> Self {
        Box::new(KeywayClient)
    }
}

impl SecretStoreSubject {
    /// Sets example settings. A store must accept them, and they must differ from the settings of a new store. Without
    /// them, the rules about changed settings are skipped.
    #[must_use]
    pub fn example_settings(mut self, settings: Table) -> Self {
        self.told.settings = Some(settings);
        self
    }

    /// Sets example settings for generated passwords, with the properties of these passwords. Without them, the rules
    /// about settings for passwords are skipped. The other rules use these settings as their example settings, unless
    /// [`example_settings`](Self::example_settings) sets others.
    #[must_use]
    pub fn generating(mut self, example: GenerationExample) -> Self {
        self.told.settings.get_or_insert_with(|| example.settings.clone());
        self.told.generation = Some(example);
        self
    }

    /// Sets the client that the rules about clients run over the plugin's stores. The default is [`KeywayClient`]. To
    /// test another client, use a plugin that is known to be correct, such as [`reference`](super::reference()).
    #[cfg(feature = "client")]
    #[must_use]
    pub fn client(mut self, client: impl ClientMaker + 'static) -> Self {
        self.told.client = Box::new(client);
        self
    }

    /// Returns the capabilities of the plugin's stores. The first call asks a store.
    ///
    /// # Panics
    /// If the plugin does not open a store in time. The suite also reports this fault.
    pub fn capabilities(&self) -> Capabilities {
        *self.capabilities.must(self, |trial| Ok(StoreFixture::new(trial)?.open()?.capabilities()))
    }

    /// Returns where the plugin keeps its data. The first call makes a store to find out.
    pub(super) fn kept(&self) -> Kept {
        self.kept.get(self, Kept::find).map_or(Kept::EVERYWHERE, |kept| *kept)
    }
}
