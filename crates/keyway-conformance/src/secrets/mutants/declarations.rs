//! Breaks stores that accept undeclared operations.

use std::time::Duration;

use keyway_core::{Table, Timestamp};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Cursor, EnvironmentPage, NewSecret, RotationListener, Secret, SecretAddress,
    SecretChange, SecretHeader, SecretRevision, SecretStore, StoreError, StoreInfo,
};

use super::{SecretStoreSubject, StoreResult, mutants, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    HalfEnvironments of MINIMAL breaks ["SEC-120"] "lists no environments where it has none to list" {
        async fn list_environments(&self, _: Option<&Cursor>, _: usize) -> StoreResult<EnvironmentPage> {
            Ok(EnvironmentPage { environments: Vec::new(), next: None })
        }
    }
    IgnoresDescriptions of MINIMAL breaks ["SEC-121"] "drops a description" {
        async fn create(&self, mut secret: NewSecret) -> StoreResult<SecretHeader> {
            secret.description = None;
            self.store.create(secret).await
        }
    }
    IgnoresVersions of MINIMAL breaks ["SEC-122"] "drops an expected version" {
        async fn modify(&self, address: &SecretAddress, mut change: SecretChange) -> StoreResult<SecretHeader> {
            change.expected = None;
            self.store.modify(address, change).await
        }
    }
    ForgetsItsBound of CACHED breaks ["SEC-009"] "declares that reads are stale for a shorter time than they are" {
        fn capabilities(&self) -> Capabilities {
            self.store.capabilities().stale_for(Duration::from_secs(59))
        }
    }
    DestroysUndeclared of FOREIGN breaks ["SEC-125"] "destroys although it does not declare that" {
        async fn destroy(&self, address: &SecretAddress, _: Option<SecretRevision>) -> StoreResult<()> {
            let removed = self.store.change(|content| {
                let at = content.find(address)?;
                content.secrets.remove(at);
                Ok(())
            });
            removed.await.and(Err(StoreError::Unsupported { what: "destruction of secrets" }))
        }
    }
    RotatesNothing of FOREIGN breaks ["SEC-126"] "says that it rotated although it cannot" {
        async fn rotate(&self, _: &KeyRing, _: &dyn RotationListener) -> StoreResult<()> {
            Ok(())
        }
    }
    TakesSettings of FOREIGN breaks ["SEC-127"] "takes settings that have no effect" {
        async fn configure(&self, request: Configure) -> StoreResult<Table> {
            match request {
                Configure::Read => self.store.configure(request).await,
                Configure::Write(settings) => Ok(settings),
            }
        }
    }
    DeletesUndeclared of FOREIGN breaks ["SEC-128"] "deletes the store although it does not declare that" {
        async fn marked_for_delete(&self) -> StoreResult<()> {
            self.store.remove().await?;
            Err(StoreError::Unsupported { what: "deletion of the store" })
        }
    }
    GuessesTheWriter of FOREIGN breaks ["SEC-129"] "names the running plugin as the writer, without knowing it" {
        async fn info(&self) -> StoreResult<StoreInfo> {
            let mut info = self.store.info().await?;
            info.written_by = Some(info.plugin.written_by());
            Ok(info)
        }
    }
    UndeclaredDates of MINIMAL breaks ["SEC-123"] "answers dates that it does not declare" {
        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            let mut secret = self.store.get(address).await?;
            let now = Timestamp::from_milliseconds(self.store.now());
            secret.header = secret.header.with_dates(now, now);
            Ok(secret)
        }
    }
}
