//! Breaks environments.

use keyway_secrets::{
    Cursor, Environment, EnvironmentChange, EnvironmentFilter, EnvironmentName, EnvironmentPage, ListQuery,
    MAX_EXTERNAL_URL_BYTES, NewEnvironment, Secret, SecretAddress, SecretChange, SecretHeader, SecretPage,
    SecretStore, StoreError,
};

use super::{SecretStoreSubject, StoreResult, mutants, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    FoldsEnvironments breaks ["SEC-052"] "does not tell capital letters from small ones in environments" {
        async fn create_environment(&self, new: NewEnvironment) -> StoreResult<Environment> {
            let name = EnvironmentName::new(new.name.as_str().to_lowercase())?;
            self.store.create_environment(NewEnvironment { name, ..new }).await
        }

        async fn retrieve_environment(&self, name: &EnvironmentName) -> StoreResult<Environment> {
            self.store.retrieve_environment(&EnvironmentName::new(name.as_str().to_lowercase())?).await
        }
    }
    ForgetsEmptyUrl breaks ["SEC-060"] "takes an empty URL for none" {
        async fn create_environment(&self, mut new: NewEnvironment) -> StoreResult<Environment> {
            new.external_url = new.external_url.filter(|url| !url.is_empty());
            self.store.create_environment(new).await
        }
    }
    EnvironmentOverwrites breaks ["SEC-061"] "creates an environment that is there already" {
        async fn create_environment(&self, new: NewEnvironment) -> StoreResult<Environment> {
            match self.store.create_environment(new.clone()).await {
                Err(StoreError::EnvironmentExists { .. }) => {
                    let change = EnvironmentChange { external_url: new.external_url };
                    self.store.modify_environment(&new.name, change).await
                }
                other => other,
            }
        }
    }
    KeepsUrl breaks ["SEC-062"] "never takes a URL away" {
        async fn modify_environment(
            &self,
            name: &EnvironmentName,
            mut change: EnvironmentChange,
        ) -> StoreResult<Environment> {
            if change.external_url.is_none() {
                change.external_url = self.store.retrieve_environment(name).await?.external_url;
            }
            self.store.modify_environment(name, change).await
        }
    }
    ModifyCreatesEnvironment breaks ["SEC-063"] "creates the environment that it should change" {
        async fn modify_environment(
            &self,
            name: &EnvironmentName,
            change: EnvironmentChange,
        ) -> StoreResult<Environment> {
            match self.store.modify_environment(name, change.clone()).await {
                Err(StoreError::EnvironmentNotFound { environment }) => {
                    let new = NewEnvironment { name: environment, external_url: change.external_url };
                    self.store.create_environment(new).await
                }
                other => other,
            }
        }
    }
    FallsBack breaks ["SEC-064", "SEC-200"] "answers the shared secret for an environment that has none" {
        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            match self.store.get(address).await {
                Err(StoreError::SecretNotFound { address }) if address.environment.is_some() => {
                    self.store.get(&SecretAddress::shared(address.name)).await
                }
                other => other,
            }
        }
    }
    EmptyListOfUnknown breaks ["SEC-065"] "lists nothing of an environment that is not there" {
        async fn list(&self, query: &ListQuery) -> StoreResult<SecretPage> {
            match self.store.list(query).await {
                Err(StoreError::EnvironmentNotFound { .. }) => {
                    Ok(SecretPage { secrets: Vec::new(), next: None })
                }
                other => other,
            }
        }
    }
    SharedMeansAll breaks ["SEC-066"] "lists all secrets when asked for the shared ones" {
        async fn list(&self, query: &ListQuery) -> StoreResult<SecretPage> {
            let mut query = query.clone();
            if query.environment == EnvironmentFilter::Shared {
                query.environment = EnvironmentFilter::All;
            }
            self.store.list(&query).await
        }
    }
    SkipsEnvironment breaks ["SEC-067"] "skips an environment at the beginning of later pages" {
        async fn list_environments(&self, after: Option<&Cursor>, limit: usize) -> StoreResult<EnvironmentPage> {
            let mut page = self.store.list_environments(after, limit).await?;
            if after.is_some() && page.environments.len() > 1 {
                page.environments.remove(0);
            }
            Ok(page)
        }
    }
    CutsUrls breaks ["SEC-068"] "cuts a URL that is too long" {
        async fn create_environment(&self, mut new: NewEnvironment) -> StoreResult<Environment> {
            if let Some(url) = &mut new.external_url {
                url.truncate(MAX_EXTERNAL_URL_BYTES);
            }
            self.store.create_environment(new).await
        }
    }
    AnyEnvironmentCursor breaks ["SEC-069"] "begins anew after a cursor that is not its own" {
        async fn list_environments(&self, after: Option<&Cursor>, limit: usize) -> StoreResult<EnvironmentPage> {
            match self.store.list_environments(after, limit).await {
                Err(StoreError::Invalid { .. }) => self.store.list_environments(None, limit).await,
                other => other,
            }
        }
    }
    UnknownEnvironmentIsMissing breaks ["SEC-203"] "says of an unknown environment that the secret is missing" {
        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            match self.store.get(address).await {
                Err(StoreError::EnvironmentNotFound { .. }) => {
                    Err(StoreError::SecretNotFound { address: address.clone() })
                }
                other => other,
            }
        }
    }
    ModifiesShared breaks ["SEC-205"] "changes the shared secret when the environment has none" {
        async fn modify(&self, address: &SecretAddress, change: SecretChange) -> StoreResult<SecretHeader> {
            match self.store.modify(address, change.clone()).await {
                Err(StoreError::SecretNotFound { address }) if address.environment.is_some() => {
                    self.store.modify(&SecretAddress::shared(address.name), change).await
                }
                other => other,
            }
        }
    }
}
