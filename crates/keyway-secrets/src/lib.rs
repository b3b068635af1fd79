//! Defines the contract for secret stores: the duties of a plugin, and the promises to a host.
//!
//! A *plugin* makes handles to *stores*. A store keeps *secrets*: values under a name, optionally in an *environment*,
//! sealed by keys that the host supplies. The operations are those of the Convection seed ("Functions / Methods"); the
//! environment operations are those of the Locker seed.
//!
//! # The life of a store
//!
//! ```text
//!            initialize              marked_for_delete
//!  (nothing) ────────────► a store ───────────────────────► (nothing; the handle answers `Deleted`)
//!                           │   ▲
//!                           └───┘ create, get, modify, destroy, list, info, configure, rotate
//! ```
//!
//! Opening a handle touches no data, and works before the store exists. Every operation checks the writer of the data
//! first: a plugin neither reads nor overwrites data that it does not understand (decision C4).
//!
//! | operation | does | needs the capability |
//! | --- | --- | --- |
//! | [`written_by`](SecretStore::written_by) | returns the last writer of the data; the host asks first | `tracks_writer` |
//! | [`initialize`](SecretStore::initialize) | makes the store; never overwrites | |
//! | [`create`](SecretStore::create) | adds a secret | `generates_values` for one that the store makes |
//! | [`get`](SecretStore::get) | reads one, at exactly this address | |
//! | [`modify`](SecretStore::modify) | changes one that exists | `versions` for compare-and-set, `generates_values` |
//! | [`destroy`](SecretStore::destroy) | removes one | `destroys`, `versions` for compare-and-set |
//! | [`write_all`](SecretStore::write_all) | creates and changes many, all or none | `bulk` |
//! | [`list`](SecretStore::list) | lists them in pages, with or without values | |
//! | [`configure`](SecretStore::configure) | reads or replaces the store's settings | `configures` |
//! | [`info`](SecretStore::info), [`exact_info`](SecretStore::exact_info) | metadata, number of secrets, reads and writes; quick, or counted | |
//! | [`rotate`](SecretStore::rotate) | moves everything to other keys; resumable | `rotates` |
//! | [`marked_for_delete`](SecretStore::marked_for_delete) | deletes all of it; resumable | `deletable` |
//! | [`list_environments`](SecretStore::list_environments) and three more | lists, retrieves, creates, modifies environments | `environments` |
//!
//! A store declares its abilities as [`Capabilities`]; operations without the capability return
//! [`Unsupported`](StoreError::Unsupported). The capabilities `tracks_writer`, `destroys`, `configures`, `rotates` and
//! `deletable` are on by default. A store over a foreign service may have to switch them off, and may declare for how
//! long reads can be stale. Every failure that a caller may want to handle is a variant of [`StoreError`].
//!
//! # A complete plugin: a store that is one document
//!
//! If all secrets lie in one unit that is read and written as a whole (a file, an object in a bucket), implement
//! [`DocumentHooks`]: read, write, remove and close. [`DocumentStore`] builds all operations on them and keeps the
//! rules: early checks, rotation, paging, and `close` on every path. This plugin keeps its documents in memory:
//!
//! ```
//! # mod notebook {
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
//!
//! use keyway_secrets::core::PluginMetadata;
//! use keyway_secrets::seal::{KeyId, KeyRing};
//! use keyway_secrets::{
//!     AccessMode, Document, DocumentHooks, DocumentStore, OpenContext, SecretStore, SecretStorePlugin, StoreError,
//!     StoreName, async_trait,
//! };
//!
//! /// The plugin. `register!` below states its name and the data that it reads.
//! #[derive(Debug)]
//! pub struct Notebook;
//!
//! impl SecretStorePlugin for Notebook {
//!     fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
//!         let page = Page { store: context.store.clone(), metadata: context.metadata.clone() };
//!         Ok(Arc::new(DocumentStore::new(page, context.keys.clone())))
//!     }
//! }
//!
//! /// One store. A plugin with a file would keep its path here.
//! #[derive(Debug)]
//! struct Page {
//!     store: StoreName,
//!     metadata: PluginMetadata,
//! }
//!
//! type Pages = BTreeMap<StoreName, (Document, KeyId)>;
//!
//! fn pages() -> MutexGuard<'static, Pages> {
//!     static PAGES: Mutex<Pages> = Mutex::new(BTreeMap::new());
//!     PAGES.lock().unwrap_or_else(PoisonError::into_inner)
//! }
//!
//! #[async_trait]
//! impl DocumentHooks for Page {
//!     fn metadata(&self) -> &PluginMetadata {
//!         &self.metadata
//!     }
//!
//!     async fn read(&self, keys: &KeyRing, _: AccessMode) -> Result<Option<Document>, StoreError> {
//!         match pages().get(&self.store) {
//!             // A store of bytes learns from `keys.open` whether the key is right.
//!             Some((_, key)) if !keys.contains(*key) => {
//!                 Err(StoreError::WrongKey { what: "the page", sealed_by: Some(*key) })
//!             }
//!             found => Ok(found.map(|(document, _)| document.clone())),
//!         }
//!     }
//!
//!     async fn write(&self, document: &Document, keys: &KeyRing) -> Result<(), StoreError> {
//!         let mut pages = pages();
//!         // Another handle may have written since this one read: each write counts one more.
//!         if pages.get(&self.store).is_some_and(|(there, _)| there.writes + 1 != document.writes) {
//!             return Err(StoreError::Conflict { attempts: 1 });
//!         }
//!         pages.insert(self.store.clone(), (document.clone(), keys.primary_id()));
//!         Ok(())
//!     }
//!
//!     async fn remove(&self) -> Result<(), StoreError> {
//!         pages().remove(&self.store);
//!         Ok(())
//!     }
//!
//!     fn close(&self) {}
//! }
//!
//! keyway_secrets::register! {
//!     keyway_secrets::SecretStores {
//!         id: "notebook",
//!         name: "Notebook",
//!         version: "1.0.0",
//!         author: "Ada <ada@example.org>",
//!         updated: 20261121,
//!         compatibility: ">=:1.0,<:2.0",
//!         description: "Keeps secrets until the process ends",
//!         plugin: Notebook,
//!     }
//! }
//! # }
//!
//! // A host finds it by its id. This example skips the guard of `keyway-host`.
//! use keyway_secrets::core::{ErrorKind, PluginError, Plugins, SecretValue, plugins};
//! use keyway_secrets::seal::{Key, KeyRing};
//! use keyway_secrets::{
//!     ListQuery, NewSecret, OpenContext, Progress, SecretAddress, SecretChange, SecretName, SecretStores, StoreName,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # pollster::block_on(async {
//! const PLUGINS: Plugins = plugins! { notebook };
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<SecretStores>("notebook")?;
//! let open = |keys: &KeyRing| {
//!     plugin.open(&OpenContext::new(StoreName::new("web").unwrap(), plugin.metadata().clone(), keys.clone()))
//! };
//!
//! let (old, new) = (KeyRing::new([Key::generate()?])?, KeyRing::new([Key::generate()?])?);
//! let store = open(&old)?;
//! store.initialize().await?;
//! let at = SecretAddress::shared(SecretName::new("database password")?);
//! store.create(NewSecret::new(at.clone(), SecretValue::text("first"))).await?;
//! store.modify(&at, SecretChange::value(SecretValue::text("second"))).await?;
//! store.rotate(&new, &|progress: Progress| assert_eq!(progress.done, progress.total)).await?;
//!
//! assert_eq!(open(&new)?.get(&at).await?.value.expose_text(), Some("second"));
//! assert_eq!(open(&old)?.get(&at).await.unwrap_err().kind(), ErrorKind::WrongKey);
//! assert_eq!(store.list(&ListQuery::all()).await?.secrets.len(), 1);
//! # // It has no settings, so it accepts none.
//! # let mut settings = keyway_secrets::core::Table::new();
//! # settings.push_new("colour", keyway_secrets::core::Structured::text("blue"));
//! # let error = store.configure(keyway_secrets::Configure::Write(settings)).await.unwrap_err();
//! # assert!(error.to_string().contains("no setting \"colour\""), "{error}");
//! # assert_eq!(open(&old)?.initialize().await.unwrap_err().kind(), ErrorKind::WrongKey);
//! # let stale = open(&new)?;
//! # store.marked_for_delete().await?;
//! # assert_eq!(store.get(&at).await.unwrap_err().kind(), ErrorKind::Deleted);
//! # assert_eq!(stale.get(&at).await.unwrap_err().kind(), ErrorKind::NotFound);
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Record by record
//!
//! A store that keeps separate records (a table, a key-value store, a service) implements [`SecretStore`] directly,
//! since a document is rewritten as a whole for every change. It must then keep these rules, which `DocumentStore`
//! keeps for documents:
//!
//! * refuse unacceptable input before touching any data: names ([`SecretName::check_creatable`]), kinds of values,
//!   capabilities that it does not declare;
//! * check the writer of the data before each operation; raise the recorded version with the first write of a newer
//!   version, and never lower it (decision C4);
//! * make each operation atomic and durable, and lose no update: compare a version or revision in the same step that
//!   writes (decision C6);
//! * bind each sealed record to its place, so that swapped records are refused;
//! * let `rotate` and `marked_for_delete` be called again after an interruption at any point.
//!
//! The crate `keyway-generic` is such a plugin, on any storage engine that the host passes to it
//! ([`OpenContext::resources`]).
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | the operations, and what holds for all of them | [`SecretStore`] |
//! | what a plugin gets from its host | [`OpenContext`] |
//! | the template for documents | [`DocumentHooks`], [`DocumentStore`], [`Document`] |
//! | names and addresses | [`StoreName`], [`SecretName`], [`EnvironmentName`], [`SecretAddress`] |
//! | secrets and changes | [`NewSecret`], [`Secret`], [`SecretHeader`], [`SecretChange`], [`SecretVersion`], [`SecretRevision`] |
//! | many writes in one commit | [`SecretWrite`], [`BulkLimits`] |
//! | values that the store makes | [`NewValue`], [`Recipe`] |
//! | a store that wraps another one | [`SecretStoreLayer`], [`Layered`] |
//! | lists | [`ListQuery`], [`SecretPage`], [`Cursor`] |
//! | a configuration with keys of its own | [`core::read_configuration`] |
//! | deadlines, contained panics, recovery | the crate `keyway-host` |
//!
//! This crate needs no runtime (decision R1).

mod accepted_age;
mod address;
mod bulk;
mod capabilities;
mod document;
mod environment;
mod error;
mod generation;
mod host_stores;
mod info;
mod layer;
mod list;
mod plugin;
mod register;
mod rotation;
mod secret;

pub use accepted_age::AcceptedAge;
pub use address::{EnvironmentName, NameError, SecretAddress, SecretName, StoreName};
pub use bulk::{BulkLimits, SecretWrite};
pub use capabilities::{Capabilities, ListOrder};
pub use document::{AccessMode, Document, DocumentHooks, DocumentStore};
pub use environment::{
    Environment, EnvironmentChange, EnvironmentPage, MAX_EXTERNAL_URL_BYTES, NewEnvironment,
};
pub use error::{BoxedError, StoreError};
pub use generation::{MAX_GENERATED_LENGTH, MIN_GENERATED_LENGTH, NewValue, Recipe};
pub use host_stores::HostStores;
pub use info::{Count, StoreInfo};
pub use layer::{Call, Layered, SecretStoreLayer};
pub use list::{Cursor, EnvironmentFilter, ListQuery, ListedSecret, SecretPage};
pub use plugin::{Configure, OpenContext, SecretStore, SecretStorePlugin};
pub use register::SecretStores;
pub use rotation::{Progress, RotationListener};
pub use secret::{
    MAX_DESCRIPTION_BYTES, NewSecret, Secret, SecretChange, SecretHeader, SecretRevision, SecretVersion,
    check_description,
};

pub use async_trait::async_trait;
pub use keyway_core::{self as core, Json, register};
pub use keyway_seal as seal;
