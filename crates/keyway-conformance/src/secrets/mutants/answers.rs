//! Mutants whose answers are wrong, and whose data is right.

use std::fmt;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use keyway_core::{SecretValue, Structured, Table};
use keyway_secrets::{
    Capabilities, Configure, Count, NewSecret, NewValue, Secret, SecretAddress, SecretChange, SecretHeader,
    SecretRevision, SecretStore, StoreError, StoreInfo,
};

use super::warp::{Warp, Warped, mutants};
use crate::secrets::refusal::Refusal;

mutants! {
    CachesReads of FULL "answers each read as it answered the first one";
    DestroysNothing of FULL "says that it destroyed what was not there";
    CountsOneMore of FULL "counts one secret too many";
    CountsNothing of FULL "counts neither reads nor writes";
    WrongKeyIsCorrupt of FULL "calls data under other keys damaged";
    DeletedIsMissing of FULL "says of a deleted store that it was never made";
    ReadOnlySetting of FULL "answers a setting that it does not take";
    SettingsWait of FULL "goes on with the settings of when it was opened";
    ChangesItsMind of FULL "declares less before the store is made";
    DebugShowsValues of FULL "shows in its debugging text what it wrote last";
    ErrorsShowValues of FULL "names the value that it could not write";
    TracesValues of FULL "traces what it writes";
}

#[async_trait]
impl Warp for CachesReads {
    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        if let Some(None) = it.notes.values().get(address) {
            return Err(StoreError::SecretNotFound { address: address.clone() });
        }
        let answer = it.store.get(address).await;
        if let Err(StoreError::SecretNotFound { .. }) = answer {
            it.notes.values().insert(address.clone(), None);
        }
        answer
    }
}

#[async_trait]
impl Warp for DestroysNothing {
    async fn destroy(
        &self,
        it: &Warped,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        match it.store.destroy(address, expected).await {
            Err(StoreError::SecretNotFound { .. }) => Ok(()),
            other => other,
        }
    }
}

#[async_trait]
impl Warp for CountsOneMore {
    async fn info(&self, it: &Warped) -> Result<StoreInfo, StoreError> {
        let mut info = it.store.info().await?;
        info.secrets = Count::exact(info.secrets.number + 1);
        Ok(info)
    }
}

#[async_trait]
impl Warp for CountsNothing {
    async fn info(&self, it: &Warped) -> Result<StoreInfo, StoreError> {
        it.store.info().await.map(|info| info.with_counters(0, 0))
    }
}

#[async_trait]
impl Warp for WrongKeyIsCorrupt {
    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        match it.store.get(address).await {
            Err(StoreError::WrongKey { .. }) => Err(StoreError::corrupt("the store", "nothing opens it")),
            other => other,
        }
    }
}

#[async_trait]
impl Warp for DeletedIsMissing {
    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        match it.store.get(address).await {
            Err(StoreError::Deleted) => Err(StoreError::NotInitialized),
            other => other,
        }
    }
}

#[async_trait]
impl Warp for ReadOnlySetting {
    async fn configure(&self, it: &Warped, request: Configure) -> Result<Table, StoreError> {
        let is_read = matches!(request, Configure::Read);
        let mut settings = it.store.configure(request).await?;
        if is_read {
            settings.insert("version of the settings", Structured::text("1"));
        }
        Ok(settings)
    }
}

#[async_trait]
impl Warp for SettingsWait {
    async fn configure(&self, it: &Warped, request: Configure) -> Result<Table, StoreError> {
        let is_read = matches!(request, Configure::Read);
        let now = it.store.configure(request).await?;
        Ok(if is_read { it.notes.settings().get_or_insert(now).clone() } else { now })
    }
}

#[async_trait]
impl Warp for ChangesItsMind {
    fn capabilities(&self, it: &Warped) -> Capabilities {
        let mut capabilities = it.store.capabilities();
        capabilities.dates = it.notes.flag.load(Ordering::SeqCst);
        capabilities
    }

    async fn initialize(&self, it: &Warped) -> Result<(), StoreError> {
        it.notes.flag.store(true, Ordering::SeqCst);
        it.store.initialize().await
    }
}

#[async_trait]
impl Warp for DebugShowsValues {
    fn debug(&self, it: &Warped, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = it.notes.values();
        let last = values.values().flatten().filter_map(|value| value.expose_text());
        f.debug_struct("Store").field("last", &last.collect::<Vec<_>>()).finish()
    }

    async fn create(&self, it: &Warped, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        it.notes.values().insert(secret.address.clone(), secret.value.as_given().cloned());
        it.store.create(secret).await
    }
}

#[async_trait]
impl Warp for ErrorsShowValues {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        let value = change.value.as_ref().and_then(NewValue::as_given).cloned();
        it.store.modify(address, change).await.map_err(|error| match (Refusal::of(&error), value) {
            (Refusal::System | Refusal::Indeterminate, Some(value)) => {
                StoreError::system("write", format!("this did not fit: {:?}", value.expose_text()))
            }
            _ => error,
        })
    }
}

#[async_trait]
impl Warp for TracesValues {
    async fn create(&self, it: &Warped, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        tracing::trace!(value = secret.value.as_given().and_then(SecretValue::expose_text), "creating");
        it.store.create(secret).await
    }
}
