//! Mutants that take what they do not declare.

use async_trait::async_trait;
use keyway_core::Timestamp;
use keyway_secrets::{
    Cursor, EnvironmentPage, NewSecret, Secret, SecretAddress, SecretChange, SecretHeader, SecretStore,
    StoreError,
};

use super::warp::{Warp, Warped, mutants};

mutants! {
    HalfEnvironments of MINIMAL "lists no environments where it has none to list";
    IgnoresDescriptions of MINIMAL "drops a description";
    IgnoresVersions of MINIMAL "drops an expected version";
    UndeclaredDates of MINIMAL "answers dates that it does not declare";
}

#[async_trait]
impl Warp for HalfEnvironments {
    async fn list_environments(
        &self,
        _: &Warped,
        _: Option<&Cursor>,
        _: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        Ok(EnvironmentPage { environments: Vec::new(), next: None })
    }
}

#[async_trait]
impl Warp for IgnoresDescriptions {
    async fn create(&self, it: &Warped, mut secret: NewSecret) -> Result<SecretHeader, StoreError> {
        secret.description = None;
        it.store.create(secret).await
    }
}

#[async_trait]
impl Warp for IgnoresVersions {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        mut change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        change.expected = None;
        it.store.modify(address, change).await
    }
}

#[async_trait]
impl Warp for UndeclaredDates {
    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        let mut secret = it.store.get(address).await?;
        let now = Timestamp::from_milliseconds(it.store.now());
        secret.header = secret.header.with_dates(now, now);
        Ok(secret)
    }
}
