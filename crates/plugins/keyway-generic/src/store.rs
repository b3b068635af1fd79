//! Implements the contract of secret stores.

use std::sync::Arc;

use async_lock::Mutex;
use async_trait::async_trait;
use keyway_core::{Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    BulkLimits, Capabilities, Configure, Cursor, Environment, EnvironmentChange, EnvironmentName,
    EnvironmentPage, ListQuery, NewEnvironment, NewSecret, NewValue, OpenContext, Recipe, RotationListener,
    Secret, SecretAddress, SecretChange, SecretHeader, SecretPage, SecretRevision, SecretStore, SecretWrite,
    StoreError, StoreInfo,
};
use keyway_storage::{Batch, CommitOutcome, Expectation, Limits, Pace, Storage};
use serde_json::{Map, Value};

use crate::handle::{Handle, MAX_ATTEMPTS};
use crate::header::{Header, HeaderText};
use crate::layout::NameIndex;
use crate::sealed_settings::{self, StoreSettings};
use crate::storage_error::from_storage;

/// A secret store of sealed records on a storage engine. Any plugin can open such a store.
#[derive(Debug)]
pub struct SealedStore {
    handle: Handle,
    capabilities: Capabilities,
    limits: BulkLimits,
    /// The settings of a new store.
    initial_settings: Map<String, Value>,
    /// Ensures that a handle runs only one rotation at a time. A second rotation would remove the old keys, which the
    /// first one still needs.
    rotating: Mutex<()>,
}

impl SealedStore {
    /// Makes a handle from the `context` of the caller's plugin. The storage engine is the `Arc<dyn Storage>` among the
    /// resources of `context`. `initial` are the settings of a new store, which are in force from its first secret on.
    /// Does no I/O.
    ///
    /// # Errors
    /// [`MissingResource`](StoreError::MissingResource) if the resources have no engine;
    /// [`Invalid`](StoreError::Invalid) if `initial` must not be stored.
    pub fn new<S: StoreSettings>(context: &OpenContext, initial: &S) -> Result<Self, StoreError> {
        let storage = context.resources.require::<Arc<dyn Storage>>()?;
        initial.check()?;
        let initial_settings = sealed_settings::InForce::to_json(initial)?;
        let handle = Handle::new(
            context.store.clone(),
            Arc::clone(storage),
            context.metadata.clone(),
            Arc::clone(&context.clock),
            context.keys.clone(),
            sealed_settings::read::<S>,
        );
        let mut capabilities =
            if S::GENERATES_VALUES { Capabilities::FULL.generating() } else { Capabilities::FULL };
        // A list decrypts thousands of tokens in one poll, so `prompt` is never declared.
        if matches!(storage.pace(), Pace::PromptReads | Pace::Prompt) {
            capabilities = capabilities.prompt_reads();
        }
        let limits = bulk_limits(&storage.limits());
        let capabilities = capabilities.bulk(limits);
        Ok(Self { handle, capabilities, limits, initial_settings, rotating: Mutex::new(()) })
    }

    /// Refuses a recipe for a value if the store does not declare that it generates values.
    fn check_value_source(&self, recipe: Option<&Recipe>) -> Result<(), StoreError> {
        match recipe {
            Some(_) if !self.capabilities.generates_values => Err(NewValue::unsupported()),
            _ => Ok(()),
        }
    }
}

/// Returns the size limits of a bulk write, within which a batch of creations fits into a commit. A record takes at
/// most eight thirds of its content, because a token is a third longer, and both tokens hold the names and the
/// description. The overhead is below a thousand bytes. A batch with changes may be too large, because a changed secret
/// keeps data that is not counted: a description or a value (H96).
fn bulk_limits(storage: &Limits) -> BulkLimits {
    // One item checks or replaces the header.
    let writes = storage.items_per_batch.saturating_sub(1).min(storage.batch_bytes / 4096);
    BulkLimits { writes, bytes: storage.batch_bytes / 4 }
}

#[async_trait]
impl SecretStore for SealedStore {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        let found = self.handle.read_header().await?;
        self.handle.set_seen(found.as_ref().map(|found| &found.header));
        match found {
            Some(found) if found.header.text.deleting => Err(StoreError::Deleted),
            Some(found) => Ok(Some(found.header.text.written_by)),
            None => Ok(None),
        }
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        if self.handle.is_deleted() {
            return Err(StoreError::Deleted);
        }
        self.handle.first_record().await?;
        let text = HeaderText {
            store: self.handle.store.as_str().to_owned(),
            written_by: self.handle.metadata.written_by(),
            settings: self.initial_settings.clone(),
            rotating_to: None,
            rotations: 0,
            deleting: false,
        };
        let name_key = NameIndex::draw_key()
            .map_err(|error| StoreError::system("draw the key of the name index", error))?;
        let header = Header { name_key, text };
        let note = header.seal(&self.handle.keys())?;
        let batch = Batch::new().put(self.handle.prefix.header(), note, Expectation::Absent);
        match self.handle.storage.commit(batch).await.map_err(from_storage)? {
            CommitOutcome::Committed(_) => {
                self.handle.set_seen(Some(&header));
                Ok(())
            }
            CommitOutcome::Conflict { .. } => match self.handle.read_header().await {
                Ok(Some(found)) if found.header.text.deleting => Err(StoreError::Deleted),
                _ => Err(StoreError::AlreadyInitialized),
            },
        }
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        let _one_at_a_time = self.rotating.lock().await;
        self.handle.rotate_to(new, listener).await
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        self.check_value_source(secret.value.recipe())?;
        self.handle.create_secret(secret).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        self.handle.destroy_secret(address, expected).await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        self.handle.get_secret(address).await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        self.check_value_source(change.value.as_ref().and_then(NewValue::recipe))?;
        self.handle.modify_secret(address, change).await
    }

    async fn write_all(&self, writes: Vec<SecretWrite>) -> Result<Vec<SecretHeader>, StoreError> {
        self.limits.check(&writes)?;
        for (at, write) in writes.iter().enumerate() {
            let value = match write {
                SecretWrite::Create(secret) => Some(&secret.value),
                SecretWrite::Modify(_, change) => change.value.as_ref(),
                _ => None,
            };
            let recipe = value.and_then(NewValue::recipe);
            self.check_value_source(recipe).map_err(|refusal| refusal.in_batch(at))?;
        }
        self.handle.write_all(writes).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.handle.list_secrets(query).await
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        let mut view = self.handle.fresh_view().await?;
        let settings = match request {
            Configure::Read => return sealed_settings::answered(&*view.loaded.settings),
            Configure::Write(table) => (self.handle.read_settings)(&sealed_settings::given(&table)?)?,
        };
        let stored = settings.to_json()?;
        let mut turn = self.handle.turn();
        if turn.yields_at(&self.handle.prefix.header()).await {
            view = self.handle.fresh_view().await?;
        }
        for _ in 0..MAX_ATTEMPTS {
            let mut header = view.loaded.header.clone();
            header.text.settings.clone_from(&stored);
            if self.handle.replace_header(&view, header, None).await? {
                return sealed_settings::answered(&*settings);
            }
            turn.lost_at(&self.handle.prefix.header()).await;
            view = self.handle.fresh_view().await?;
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        self.handle.describe(false).await
    }

    async fn exact_info(&self) -> Result<StoreInfo, StoreError> {
        self.handle.describe(true).await
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        self.handle.delete_all().await
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        self.handle.page_of_environments(after, limit).await
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        self.handle.get_environment(name).await
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        self.handle.add_environment(environment).await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        self.handle.change_environment(name, change).await
    }
}
