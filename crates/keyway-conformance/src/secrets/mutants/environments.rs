//! Mutants with faults in environments.

use keyway_secrets::{
    EnvironmentChange, EnvironmentFilter, EnvironmentName, MAX_EXTERNAL_URL_BYTES, NewEnvironment,
    SecretAddress, SecretPage, SecretStore, StoreError,
};

use super::{SecretStoreSubject, mutants, operation, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    FoldsEnvironments breaks ["SEC-052"] "does not tell capital letters from small ones in environments"
        (create_environment |mutant, new| {
            let name = EnvironmentName::new(new.name.as_str().to_lowercase())?;
            mutant.store.create_environment(NewEnvironment { name, ..new }).await
        },
        retrieve_environment |mutant, name|
            mutant.store.retrieve_environment(&EnvironmentName::new(name.as_str().to_lowercase())?).await)
    ForgetsEmptyUrl breaks ["SEC-060"] "takes an empty URL for none"
        (create_environment |mutant, new| {
            new.external_url = new.external_url.filter(|url| !url.is_empty());
            mutant.store.create_environment(new).await
        })
    EnvironmentOverwrites breaks ["SEC-061"] "creates an environment that is there already"
        (create_environment |mutant, new| match mutant.store.create_environment(new.clone()).await {
            Err(StoreError::EnvironmentExists { .. }) => {
                let change = EnvironmentChange { external_url: new.external_url };
                mutant.store.modify_environment(&new.name, change).await
            }
            other => other,
        })
    KeepsUrl breaks ["SEC-062"] "never takes a URL away"
        (modify_environment |mutant, name, change| {
            if change.external_url.is_none() {
                change.external_url = mutant.store.retrieve_environment(name).await?.external_url;
            }
            mutant.store.modify_environment(name, change).await
        })
    ModifyCreatesEnvironment breaks ["SEC-063"] "creates the environment that it should change"
        (modify_environment |mutant, name, change| {
            match mutant.store.modify_environment(name, change.clone()).await {
                Err(StoreError::EnvironmentNotFound { environment }) => {
                    let new = NewEnvironment { name: environment, external_url: change.external_url };
                    mutant.store.create_environment(new).await
                }
                other => other,
            }
        })
    FallsBack breaks ["SEC-064", "SEC-200"] "answers the shared secret for an environment that has none"
        (get |mutant, address| match mutant.store.get(address).await {
            Err(StoreError::SecretNotFound { address }) if address.environment.is_some() => {
                mutant.store.get(&SecretAddress::shared(address.name)).await
            }
            other => other,
        })
    EmptyListOfUnknown breaks ["SEC-065"] "lists nothing of an environment that is not there"
        (list |mutant, query| match mutant.store.list(query).await {
            Err(StoreError::EnvironmentNotFound { .. }) => {
                Ok(SecretPage { secrets: Vec::new(), next: None })
            }
            other => other,
        })
    SharedMeansAll breaks ["SEC-066"] "lists all secrets when asked for the shared ones"
        (list |mutant, query| {
            let mut query = query.clone();
            if query.environment == EnvironmentFilter::Shared {
                query.environment = EnvironmentFilter::All;
            }
            mutant.store.list(&query).await
        })
    SkipsEnvironment breaks ["SEC-067"] "skips an environment at the beginning of later pages"
        (list_environments |mutant, after, limit| {
            let mut page = mutant.store.list_environments(after, limit).await?;
            if after.is_some() && page.environments.len() > 1 {
                page.environments.remove(0);
            }
            Ok(page)
        })
    CutsUrls breaks ["SEC-068"] "cuts a URL that is too long"
        (create_environment |mutant, new| {
            if let Some(url) = &mut new.external_url {
                url.truncate(MAX_EXTERNAL_URL_BYTES);
            }
            mutant.store.create_environment(new).await
        })
    AnyEnvironmentCursor breaks ["SEC-069"] "begins anew after a cursor that is not its own"
        (list_environments |mutant, after, limit| match mutant.store.list_environments(after, limit).await {
            Err(StoreError::Invalid { .. }) => mutant.store.list_environments(None, limit).await,
            other => other,
        })
    UnknownEnvironmentIsMissing breaks ["SEC-203"] "says of an unknown environment that the secret is missing"
        (get |mutant, address| match mutant.store.get(address).await {
            Err(StoreError::EnvironmentNotFound { .. }) => {
                Err(StoreError::SecretNotFound { address: address.clone() })
            }
            other => other,
        })
    ModifiesShared breaks ["SEC-205"] "changes the shared secret when the environment has none"
        (modify |mutant, address, change| match mutant.store.modify(address, change.clone()).await {
            Err(StoreError::SecretNotFound { address }) if address.environment.is_some() => {
                mutant.store.modify(&SecretAddress::shared(address.name), change).await
            }
            other => other,
        })
}
