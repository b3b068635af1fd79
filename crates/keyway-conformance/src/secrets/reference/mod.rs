//! The reference store: a small store that keeps the whole contract. It has one sealed document in the lent storage.
//!
//! The kit tests itself with this store: every rule must pass on it, and each mutant is this store with one fault.

mod content;
mod document;
mod settings;
mod store;
mod value_text;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use keyway_core::PluginMetadata;
use keyway_secrets::{
    BulkLimits, Capabilities, ListOrder, OpenContext, SecretStore, SecretStorePlugin, StoreError,
};

pub(super) use content::{Content, SecretRecord};
pub(super) use document::{Loaded, ReferenceStore};
pub(super) use settings::Settings;

use super::{GenerationExample, SecretStoreSubject};

/// The limits of a batch in the reference store.
const BULK: BulkLimits = BulkLimits { writes: 7, bytes: 1000 };

/// The choices that the contract leaves to a store, and its declared capabilities.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is independent.
pub(super) struct Habits {
    pub(super) capabilities: Capabilities,
    /// The maximum number of secrets in a page, even if the caller wants more.
    pub(super) page: usize,
    /// Whether lists begin with the newest secret.
    pub(super) youngest_first: bool,
    /// How many times each operation yields.
    pub(super) pauses: usize,
    /// Whether ids have an unusual form.
    pub(super) odd_ids: bool,
    /// Whether the name of a deleted store stays reserved for ever.
    pub(super) names_stay_taken: bool,
    /// Whether reported numbers of secrets are estimates.
    pub(super) estimates: bool,
}

impl Habits {
    /// A store with all capabilities and without unusual behaviour.
    pub(super) const FULL: Self = Self {
        capabilities: Capabilities::FULL.generating().bulk(BULK).ordered(ListOrder::Insertion),
        page: usize::MAX,
        youngest_first: false,
        pauses: 0,
        odd_ids: false,
        names_stay_taken: false,
        estimates: false,
    };

    /// A store with only the capabilities that the contract demands.
    pub(super) const MINIMAL: Self = Self { capabilities: Capabilities::MINIMAL, ..Self::FULL };

    /// A store with all capabilities except those that a store over a foreign service may lack.
    pub(super) const FOREIGN: Self = Self {
        capabilities: Self::FULL
            .capabilities
            .destroys(false)
            .rotates(false)
            .configures(false)
            .deletable(false)
            .tracks_writer(false),
        ..Self::FULL
    };

    /// A store that has all capabilities, and caches reads for a minute.
    pub(super) const CACHED: Self =
        Self { capabilities: Self::FULL.capabilities.stale_for(Duration::from_secs(60)), ..Self::FULL };

    /// A store that has all capabilities, and returns from every poll at once.
    pub(super) const PROMPT: Self = Self { capabilities: Self::FULL.capabilities.prompt(), ..Self::FULL };

    /// A store that has all capabilities, and no limits for bulk writes.
    pub(super) const LIMITLESS: Self = Self {
        capabilities: Self::FULL.capabilities.bulk(BulkLimits { writes: usize::MAX, bytes: usize::MAX }),
        ..Self::FULL
    };

    /// A store with the most unusual behaviour that the contract allows.
    pub(super) const STRANGE: Self = Self {
        capabilities: Capabilities::FULL.generating().bulk(BULK),
        page: 1,
        youngest_first: true,
        pauses: 3,
        odd_ids: true,
        names_stay_taken: true,
        estimates: true,
    };
}

/// The plugin that opens reference stores.
#[derive(Debug)]
pub(super) struct ReferencePlugin(pub(super) Habits);

impl SecretStorePlugin for ReferencePlugin {
    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        self.check_configuration(&context.configuration)?;
        Ok(Arc::new(ReferenceStore::new(self.0, context)?))
    }
}

/// Returns the metadata of the reference plugin and its mutants.
pub(super) fn metadata() -> PluginMetadata {
    PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "The Keyway authors <keyway@example.org>", "updated": 20261121,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "Kit reference", "type": "Secret", "description": "the kit's own"}}"#,
    )
    .expect("the kit's own metadata is valid")
}

/// Makes a subject of one of the kit's own plugins, with example settings.
pub(super) fn subject(name: &str, plugin: &'static dyn SecretStorePlugin) -> SecretStoreSubject {
    let settings = Settings { note: Some("a note".to_owned()), ..Settings::default() };
    let made_by = |length, alphabet: Option<&str>| {
        Settings { note: None, length, alphabet: alphabet.map(str::to_owned) }.table()
    };
    let example = GenerationExample::new(made_by(Some(33), Some("octdigits")), 33, "01234567")
        .refused(made_by(Some(7), None))
        .refused(made_by(Some(1025), Some("digits")))
        .refused(made_by(None, Some("no such alphabet")));
    SecretStoreSubject::new(name, plugin, metadata()).example_settings(settings.table()).generating(example)
}

/// Makes a subject of the reference store under another name.
pub(super) fn sound(name: &str) -> SecretStoreSubject {
    static PLUGIN: ReferencePlugin = ReferencePlugin(Habits::FULL);
    subject(name, &PLUGIN)
}

/// Makes a subject of the reference store with all capabilities.
pub fn reference() -> SecretStoreSubject {
    sound("reference")
}

/// Makes a subject of a store that does only what the contract demands.
pub fn minimal() -> SecretStoreSubject {
    static PLUGIN: ReferencePlugin = ReferencePlugin(Habits::MINIMAL);
    subject("minimal", &PLUGIN)
}

/// Makes a subject of a store with the limits that a store over a foreign service may have. The store neither destroys
/// nor rotates, has no settings, cannot be deleted, and does not track its writer.
pub fn foreign() -> SecretStoreSubject {
    static PLUGIN: ReferencePlugin = ReferencePlugin(Habits::FOREIGN);
    subject("foreign", &PLUGIN)
}

/// Makes a subject of a store whose reads may be stale for a minute.
pub fn cached() -> SecretStoreSubject {
    static PLUGIN: ReferencePlugin = ReferencePlugin(Habits::CACHED);
    subject("cached", &PLUGIN)
}

/// Makes a subject of a store that takes bulk writes of any size.
pub fn limitless() -> SecretStoreSubject {
    static PLUGIN: ReferencePlugin = ReferencePlugin(Habits::LIMITLESS);
    subject("limitless", &PLUGIN)
}

/// Makes a subject of a store that is as unusual as the contract allows. It has pages of one secret, newest first,
/// unusual ids, slow operations, names that stay reserved, and estimated counts.
pub fn strange() -> SecretStoreSubject {
    static PLUGIN: ReferencePlugin = ReferencePlugin(Habits::STRANGE);
    subject("strange", &PLUGIN)
}
