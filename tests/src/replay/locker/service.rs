//! A store in front of a service that answers every request with the same error.

use keyway_client::RemoteError;
use keyway_core::{Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Environment, EnvironmentName, ListQuery, NewSecret, RotationListener, Secret,
    SecretAddress, SecretChange, SecretHeader, SecretPage, SecretRevision, SecretStore, StoreError,
    StoreInfo, async_trait,
};

#[derive(Debug)]
pub(super) struct FailingService(pub(super) RemoteError);

impl FailingService {
    fn answer<T>(&self) -> Result<T, StoreError> {
        Err(StoreError::system("ask the service", self.0.clone()))
    }
}

#[async_trait]
impl SecretStore for FailingService {
    fn capabilities(&self) -> Capabilities {
        Capabilities::FULL
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        self.answer()
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        self.answer()
    }

    async fn rotate(&self, _: &KeyRing, _: &dyn RotationListener) -> Result<(), StoreError> {
        self.answer()
    }

    async fn create(&self, _: NewSecret) -> Result<SecretHeader, StoreError> {
        self.answer()
    }

    async fn destroy(&self, _: &SecretAddress, _: Option<SecretRevision>) -> Result<(), StoreError> {
        self.answer()
    }

    async fn get(&self, _: &SecretAddress) -> Result<Secret, StoreError> {
        self.answer()
    }

    async fn modify(&self, _: &SecretAddress, _: SecretChange) -> Result<SecretHeader, StoreError> {
        self.answer()
    }

    async fn list(&self, _: &ListQuery) -> Result<SecretPage, StoreError> {
        self.answer()
    }

    async fn configure(&self, _: Configure) -> Result<Table, StoreError> {
        self.answer()
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        self.answer()
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        self.answer()
    }

    async fn retrieve_environment(&self, _: &EnvironmentName) -> Result<Environment, StoreError> {
        self.answer()
    }
}
