//! Mutants in environments.

use async_trait::async_trait;
use keyway_secrets::{
    Cursor, Environment, EnvironmentChange, EnvironmentFilter, EnvironmentName, EnvironmentPage, ListQuery,
    MAX_EXTERNAL_URL_BYTES, NewEnvironment, Secret, SecretAddress, SecretChange, SecretHeader, SecretPage,
    SecretStore, StoreError,
};

use super::warp::{Warp, Warped, mutants};

mutants! {
    FoldsEnvironments of FULL "does not tell capital letters from small ones in environments";
    ForgetsEmptyUrl of FULL "takes an empty URL for none";
    EnvironmentOverwrites of FULL "creates an environment that is there already";
    KeepsUrl of FULL "never takes a URL away";
    ModifyCreatesEnvironment of FULL "creates the environment that it should change";
    FallsBack of FULL "answers the shared secret for an environment that has none";
    EmptyListOfUnknown of FULL "lists nothing of an environment that is not there";
    SharedMeansAll of FULL "lists all secrets when asked for the shared ones";
    SkipsEnvironment of FULL "skips an environment at the beginning of later pages";
    CutsUrls of FULL "cuts a URL that is too long";
    UnknownEnvironmentIsMissing of FULL "says of an unknown environment that the secret is missing";
    ModifiesShared of FULL "changes the shared secret when the environment has none";
    AnyEnvironmentCursor of FULL "begins anew after a cursor that is not its own";
}

#[async_trait]
impl Warp for FoldsEnvironments {
    async fn create_environment(&self, it: &Warped, new: NewEnvironment) -> Result<Environment, StoreError> {
        let name = EnvironmentName::new(new.name.as_str().to_lowercase())?;
        it.store.create_environment(NewEnvironment { name, ..new }).await
    }

    async fn retrieve_environment(
        &self,
        it: &Warped,
        name: &EnvironmentName,
    ) -> Result<Environment, StoreError> {
        it.store.retrieve_environment(&EnvironmentName::new(name.as_str().to_lowercase())?).await
    }
}

#[async_trait]
impl Warp for ForgetsEmptyUrl {
    async fn create_environment(
        &self,
        it: &Warped,
        mut new: NewEnvironment,
    ) -> Result<Environment, StoreError> {
        new.external_url = new.external_url.filter(|url| !url.is_empty());
        it.store.create_environment(new).await
    }
}

#[async_trait]
impl Warp for EnvironmentOverwrites {
    async fn create_environment(&self, it: &Warped, new: NewEnvironment) -> Result<Environment, StoreError> {
        match it.store.create_environment(new.clone()).await {
            Err(StoreError::EnvironmentExists { .. }) => {
                let change = EnvironmentChange { external_url: new.external_url };
                it.store.modify_environment(&new.name, change).await
            }
            other => other,
        }
    }
}

#[async_trait]
impl Warp for KeepsUrl {
    async fn modify_environment(
        &self,
        it: &Warped,
        name: &EnvironmentName,
        mut change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        if change.external_url.is_none() {
            change.external_url = it.store.retrieve_environment(name).await?.external_url;
        }
        it.store.modify_environment(name, change).await
    }
}

#[async_trait]
impl Warp for ModifyCreatesEnvironment {
    async fn modify_environment(
        &self,
        it: &Warped,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        match it.store.modify_environment(name, change.clone()).await {
            Err(StoreError::EnvironmentNotFound { environment }) => {
                let new = NewEnvironment { name: environment, external_url: change.external_url };
                it.store.create_environment(new).await
            }
            other => other,
        }
    }
}

#[async_trait]
impl Warp for FallsBack {
    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        match it.store.get(address).await {
            Err(StoreError::SecretNotFound { address }) if address.environment.is_some() => {
                it.store.get(&SecretAddress::shared(address.name)).await
            }
            other => other,
        }
    }
}

#[async_trait]
impl Warp for EmptyListOfUnknown {
    async fn list(&self, it: &Warped, query: &ListQuery) -> Result<SecretPage, StoreError> {
        match it.store.list(query).await {
            Err(StoreError::EnvironmentNotFound { .. }) => Ok(SecretPage { secrets: Vec::new(), next: None }),
            other => other,
        }
    }
}

#[async_trait]
impl Warp for SharedMeansAll {
    async fn list(&self, it: &Warped, query: &ListQuery) -> Result<SecretPage, StoreError> {
        let mut query = query.clone();
        if query.environment == EnvironmentFilter::Shared {
            query.environment = EnvironmentFilter::All;
        }
        it.store.list(&query).await
    }
}

#[async_trait]
impl Warp for SkipsEnvironment {
    async fn list_environments(
        &self,
        it: &Warped,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        let mut page = it.store.list_environments(after, limit).await?;
        if after.is_some() && page.environments.len() > 1 {
            page.environments.remove(0);
        }
        Ok(page)
    }
}

#[async_trait]
impl Warp for CutsUrls {
    async fn create_environment(
        &self,
        it: &Warped,
        mut new: NewEnvironment,
    ) -> Result<Environment, StoreError> {
        if let Some(url) = &mut new.external_url {
            url.truncate(MAX_EXTERNAL_URL_BYTES);
        }
        it.store.create_environment(new).await
    }
}

#[async_trait]
impl Warp for AnyEnvironmentCursor {
    async fn list_environments(
        &self,
        it: &Warped,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        match it.store.list_environments(after, limit).await {
            Err(StoreError::Invalid { .. }) => it.store.list_environments(None, limit).await,
            other => other,
        }
    }
}

fn missing(answer: StoreError, address: &SecretAddress) -> StoreError {
    match answer {
        StoreError::EnvironmentNotFound { .. } => StoreError::SecretNotFound { address: address.clone() },
        other => other,
    }
}

#[async_trait]
impl Warp for UnknownEnvironmentIsMissing {
    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        it.store.get(address).await.map_err(|error| missing(error, address))
    }
}

#[async_trait]
impl Warp for ModifiesShared {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        match it.store.modify(address, change.clone()).await {
            Err(StoreError::SecretNotFound { address }) if address.environment.is_some() => {
                it.store.modify(&SecretAddress::shared(address.name), change).await
            }
            other => other,
        }
    }
}
