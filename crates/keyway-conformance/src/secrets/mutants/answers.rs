//! Breaks stores whose data is right but whose answers are wrong.

use std::sync::atomic::Ordering;

use keyway_core::{SecretValue, Structured, Table};
use keyway_secrets::{
    Capabilities, Configure, Count, NewSecret, NewValue, Secret, SecretAddress, SecretChange, SecretHeader,
    SecretRevision, SecretStore, StoreError, StoreInfo,
};

use super::{SecretStoreSubject, StoreResult, mutants, store_mutant};
use crate::secrets::expected_error::ExpectedError;

mutants! {
    for SecretStoreSubject, by store_mutant;
    CachesReads breaks ["SEC-008"] "answers each read as it answered the first one" {
        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            if let Some(None) = self.notes.values().get(address) {
                return Err(StoreError::SecretNotFound { address: address.clone() });
            }
            let answer = self.store.get(address).await;
            if let Err(StoreError::SecretNotFound { .. }) = answer {
                self.notes.values().insert(address.clone(), None);
            }
            answer
        }
    }
    DestroysNothing breaks ["SEC-012"] "says that it destroyed what was not there" {
        async fn destroy(&self, address: &SecretAddress, expected: Option<SecretRevision>) -> StoreResult<()> {
            match self.store.destroy(address, expected).await {
                Err(StoreError::SecretNotFound { .. }) => Ok(()),
                other => other,
            }
        }
    }
    CountsOneMore breaks ["SEC-085"] "counts one secret too many" {
        async fn info(&self) -> StoreResult<StoreInfo> {
            let mut info = self.store.info().await?;
            info.secrets = Count::exact(info.secrets.number + 1);
            Ok(info)
        }
    }
    CountsNoSecrets of STRANGE breaks ["SEC-088"] "estimates the secrets that it was to count" {
        async fn exact_info(&self) -> StoreResult<StoreInfo> {
            self.store.info().await
        }
    }
    CountsNothing breaks ["SEC-086"] "counts neither reads nor writes" {
        async fn info(&self) -> StoreResult<StoreInfo> {
            self.store.info().await.map(|info| info.with_counters(0, 0))
        }
    }
    WrongKeyIsCorrupt breaks ["SEC-090"] "calls data under other keys damaged" {
        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            match self.store.get(address).await {
                Err(StoreError::WrongKey { .. }) => Err(StoreError::corrupt("the store", "nothing opens it")),
                other => other,
            }
        }
    }
    DeletedIsMissing breaks ["SEC-110"] "says of a deleted store that it was never made" {
        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            match self.store.get(address).await {
                Err(StoreError::Deleted) => Err(StoreError::NotInitialized),
                other => other,
            }
        }
    }
    ReadOnlySetting breaks ["SEC-080"] "answers a setting that it does not take" {
        async fn configure(&self, request: Configure) -> StoreResult<Table> {
            let is_read = matches!(request, Configure::Read);
            let mut settings = self.store.configure(request).await?;
            if is_read {
                settings.insert("version of the settings", Structured::text("1"));
            }
            Ok(settings)
        }
    }
    SettingsWait breaks ["SEC-081"] "goes on with the settings of when it was opened" {
        async fn configure(&self, request: Configure) -> StoreResult<Table> {
            let is_read = matches!(request, Configure::Read);
            let now = self.store.configure(request).await?;
            Ok(if is_read { self.notes.settings().get_or_insert(now).clone() } else { now })
        }
    }
    ChangesItsMind breaks ["SEC-124"] "declares less before the store is made" {
        fn capabilities(&self) -> Capabilities {
            let mut capabilities = self.store.capabilities();
            capabilities.dates = self.notes.flag.load(Ordering::SeqCst);
            capabilities
        }

        async fn initialize(&self) -> StoreResult<()> {
            self.notes.flag.store(true, Ordering::SeqCst);
            self.store.initialize().await
        }
    }
    DebugShowsValues breaks ["SEC-160"] "shows in its debugging text what it wrote last" {
        async fn create(&self, secret: NewSecret) -> StoreResult<SecretHeader> {
            let text = secret.value.as_given().and_then(SecretValue::expose_text).unwrap_or_default();
            text.clone_into(&mut self.notes.text());
            self.store.create(secret).await
        }
    }
    ErrorsShowValues breaks ["SEC-161"] "names the value that it could not write" {
        async fn modify(&self, address: &SecretAddress, change: SecretChange) -> StoreResult<SecretHeader> {
            let value = change.value.as_ref().and_then(NewValue::as_given).cloned();
            self.store.modify(address, change).await.map_err(|error| match (ExpectedError::of(&error), value) {
                (ExpectedError::System | ExpectedError::Indeterminate, Some(value)) => {
                    StoreError::system("write", format!("this did not fit: {:?}", value.expose_text()))
                }
                _ => error,
            })
        }
    }
    PrintsValues breaks ["SEC-163"] "prints what it writes" {
        async fn create(&self, secret: NewSecret) -> StoreResult<SecretHeader> {
            let value = secret.value.as_given().and_then(SecretValue::expose_text).unwrap_or_default();
            drop(std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("creating {value}\n")));
            self.store.create(secret).await
        }
    }
    TracesValues breaks ["SEC-162"] "traces what it writes" {
        async fn create(&self, secret: NewSecret) -> StoreResult<SecretHeader> {
            tracing::trace!(value = secret.value.as_given().and_then(SecretValue::expose_text), "creating");
            self.store.create(secret).await
        }
    }
}
