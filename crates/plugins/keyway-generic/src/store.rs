//! The store as the contract sees it.

use async_lock::Mutex;
use async_trait::async_trait;
use keyway_core::{Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Count, Cursor, Environment, EnvironmentChange, EnvironmentName, EnvironmentPage,
    ListQuery, NewEnvironment, NewSecret, RotationListener, Secret, SecretAddress, SecretChange,
    SecretHeader, SecretPage, SecretStore, SecretVersion, StoreError, StoreInfo,
};
use keyway_storage::{Batch, Expectation, Outcome};

use crate::handle::{Handle, MAX_ATTEMPTS};
use crate::header::{Header, HeaderText};
use crate::layout::NameIndex;
use crate::settings::Settings;
use crate::storage_error::from_storage;

/// A secret store of sealed records on a storage engine.
#[derive(Debug)]
pub struct GenericStore {
    handle: Handle,
    /// Two rotations of one handle would take each other's old keys away.
    rotating: Mutex<()>,
}

impl GenericStore {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle, rotating: Mutex::new(()) }
    }
}

#[async_trait]
impl SecretStore for GenericStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::FULL
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        match self.handle.read_header().await? {
            Some(found) if found.header.text.deleting => Err(StoreError::Deleted),
            Some(found) => Ok(Some(found.header.text.written_by)),
            None => Ok(None),
        }
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        if self.handle.is_deleted() {
            return Err(StoreError::Deleted);
        }
        let text = HeaderText {
            store: self.handle.store.as_str().to_owned(),
            written_by: self.handle.metadata.written_by(),
            settings: Settings::default(),
            rotating_to: None,
            rotations: 0,
            deleting: false,
        };
        let name_key = NameIndex::draw_key()
            .map_err(|error| StoreError::system("draw the key of the name index", error))?;
        let note = Header { name_key, text }.seal(&self.handle.keys())?;
        let batch = Batch::new().put(self.handle.prefix.header(), note, Expectation::Absent);
        match self.handle.storage.commit(batch).await.map_err(from_storage)? {
            Outcome::Committed(_) => Ok(()),
            Outcome::Conflict { .. } => match self.handle.read_header().await {
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
        self.handle.create_secret(secret).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretVersion>,
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
        self.handle.modify_secret(address, change).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.handle.list_secrets(query).await
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        let mut view = self.handle.fresh_view().await?;
        let settings = match request {
            Configure::Read => return Ok(view.loaded.header.text.settings.to_table()),
            Configure::Write(table) => Settings::from_table(&table)?,
        };
        let mut turn = None;
        for _ in 0..MAX_ATTEMPTS {
            let mut header = view.loaded.header.clone();
            header.text.settings = settings;
            if self.handle.replace_header(&view, header, None).await? {
                return Ok(settings.to_table());
            }
            if turn.is_none() {
                turn = Some(self.handle.crowd_at(&self.handle.prefix.header()).lock().await);
            }
            view = self.handle.fresh_view().await?;
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        let view = self.handle.fresh_view().await?;
        let (number, exact) = self.handle.count_records(&self.handle.prefix.secrets()).await?;
        // So that what was said once is still true after a restart.
        self.handle.store_counts(&view).await;
        let counts = self.handle.stored_counts().await?.plus(self.handle.pending.look());
        let written_by = view.loaded.header.text.written_by.clone();
        let info = StoreInfo::new(self.handle.metadata.clone(), written_by, Count { number, exact });
        Ok(info
            .with_counters(counts.reads, counts.writes)
            .with_rotation(self.handle.rotation_progress(&view).await?))
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
