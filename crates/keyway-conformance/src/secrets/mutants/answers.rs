//! Mutants that store correct data, but return wrong answers.

use std::sync::atomic::Ordering;

use keyway_core::{SecretValue, Structured};
use keyway_secrets::{Configure, Count, NewValue, SecretStore, StoreError};

use super::{SecretStoreSubject, mutants, operation, store_mutant};
use crate::lock::locked;
use crate::secrets::expected_error::ExpectedError;

mutants! {
    for SecretStoreSubject, by store_mutant;
    CachesReads breaks ["SEC-008"] "answers each read as it answered the first one"
        (get |mutant, address| {
            if let Some(None) = locked(&mutant.notes.values).get(address) {
                return Err(StoreError::SecretNotFound { address: address.clone() });
            }
            let answer = mutant.store.get(address).await;
            if let Err(StoreError::SecretNotFound { .. }) = answer {
                locked(&mutant.notes.values).insert(address.clone(), None);
            }
            answer
        })
    DestroysNothing breaks ["SEC-012"] "says that it destroyed what was not there"
        (destroy |mutant, address, expected| match mutant.store.destroy(address, expected).await {
            Err(StoreError::SecretNotFound { .. }) => Ok(()),
            other => other,
        })
    CountsOneMore breaks ["SEC-085"] "counts one secret too many"
        (info |mutant| {
            let mut info = mutant.store.info().await?;
            info.secrets = Count::exact(info.secrets.number + 1);
            Ok(info)
        })
    CountsNoSecrets of STRANGE breaks ["SEC-088"] "estimates the secrets that it was to count"
        (exact_info |mutant| mutant.store.info().await)
    CountsNothing breaks ["SEC-086"] "counts neither reads nor writes"
        (info |mutant| mutant.store.info().await.map(|info| info.with_counters(0, 0)))
    WrongKeyIsCorrupt breaks ["SEC-090"] "calls data under other keys damaged"
        (get |mutant, address| match mutant.store.get(address).await {
            Err(StoreError::WrongKey { .. }) => Err(StoreError::corrupt("the store", "nothing opens it")),
            other => other,
        })
    DeletedIsMissing breaks ["SEC-110"] "says of a deleted store that it was never made"
        (get |mutant, address| match mutant.store.get(address).await {
            Err(StoreError::Deleted) => Err(StoreError::NotInitialized),
            other => other,
        })
    ReadOnlySetting breaks ["SEC-080"] "answers a setting that it does not take"
        (configure |mutant, request| {
            let is_read = matches!(request, Configure::Read);
            let mut settings = mutant.store.configure(request).await?;
            if is_read {
                settings.insert("version of the settings", Structured::text("1"));
            }
            Ok(settings)
        })
    SettingsWait breaks ["SEC-081"] "goes on with the settings of when it was opened"
        (configure |mutant, request| {
            let is_read = matches!(request, Configure::Read);
            let now = mutant.store.configure(request).await?;
            Ok(if is_read { locked(&mutant.notes.settings).get_or_insert(now).clone() } else { now })
        })
    ChangesItsMind breaks ["SEC-124"] "declares less before the store is made"
        (capabilities |mutant| {
            let mut capabilities = mutant.store.capabilities();
            capabilities.dates = mutant.notes.flag.load(Ordering::SeqCst);
            capabilities
        },
        initialize |mutant| {
            mutant.notes.flag.store(true, Ordering::SeqCst);
            mutant.store.initialize().await
        })
    DebugShowsValues breaks ["SEC-160"] "shows in its debugging text what it wrote last"
        (create |mutant, secret| {
            let text = secret.value.as_given().and_then(SecretValue::expose_text).unwrap_or_default();
            text.clone_into(&mut locked(&mutant.notes.text));
            mutant.store.create(secret).await
        })
    ErrorsShowValues breaks ["SEC-161"] "names the value that it could not write"
        (modify |mutant, address, change| {
            let value = change.value.as_ref().and_then(NewValue::as_given).cloned();
            mutant.store.modify(address, change).await.map_err(|error| match (ExpectedError::of(&error), value) {
                (ExpectedError::System | ExpectedError::Indeterminate, Some(value)) => {
                    StoreError::system("write", format!("this did not fit: {:?}", value.expose_text()))
                }
                _ => error,
            })
        })
    PrintsValues breaks ["SEC-163"] "prints what it writes"
        (create |mutant, secret| {
            let value = secret.value.as_given().and_then(SecretValue::expose_text).unwrap_or_default();
            drop(std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("creating {value}\n")));
            mutant.store.create(secret).await
        })
    TracesValues breaks ["SEC-162"] "traces what it writes"
        (create |mutant, secret| {
            tracing::trace!(value = secret.value.as_given().and_then(SecretValue::expose_text), "creating");
            mutant.store.create(secret).await
        })
}
