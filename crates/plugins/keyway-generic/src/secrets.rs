//! Implements the operations on single secrets and lists.

use std::borrow::Cow;

use keyway_core::SecretValue;
use keyway_secrets::{
    Cursor, EnvironmentFilter, ListQuery, ListedSecret, NewSecret, NewValue, Secret, SecretAddress,
    SecretChange, SecretHeader, SecretPage, SecretRevision, StoreError, check_description,
};
use keyway_storage::{Batch, Entry, Expectation, KeyRange};

use crate::commit::Committed;
use crate::counters::Tally;
use crate::handle::{Handle, MAX_ATTEMPTS, StoreKeys, View};
use crate::record::{SealedRecord, SecretRecord, exchanged};
use crate::storage_error::from_storage;

impl View {
    /// Returns the value to store. If the caller gave none, generates it with the settings in force. The commit checks
    /// that these settings are still in force (decision C11).
    fn value<'a>(&self, value: &'a NewValue) -> Result<Cow<'a, SecretValue>, StoreError> {
        let settings = &self.loaded.settings;
        let value = match value {
            NewValue::Given(value) => Cow::Borrowed(value),
            NewValue::Generated(recipe) => Cow::Owned(settings.generate(recipe)?),
        };
        settings.check_value(&value)?;
        Ok(value)
    }
}

impl Handle {
    pub(crate) async fn create_secret(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let (record, value) = self.record_for(secret)?;
        for _ in 0..MAX_ATTEMPTS {
            let view = self.view().await?;
            let (key, sealed) = match self.created(&view, &record, &value).await {
                Ok(created) => created,
                // The refusal counts only if the cached view of the store is current.
                Err(refusal) if self.is_current(&view).await? => return Err(refusal),
                Err(_) => continue,
            };
            let put = |batch: Batch| batch.put(key, sealed, Expectation::Absent);
            match self.commit(&view, Tally::CREATED, put).await? {
                Committed::Done => return Ok(record.header()),
                Committed::Conflict(_) => {
                    return Err(StoreError::SecretExists { address: record.address });
                }
                Committed::HeaderChanged => {}
            }
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    /// Makes the record of a new secret, after the checks that do not need the store. Also returns the value that the
    /// caller gave or that is to be generated.
    pub(crate) fn record_for(&self, secret: NewSecret) -> Result<(SecretRecord, NewValue), StoreError> {
        let NewSecret { address, value, description, .. } = secret;
        address.name.check_creatable()?;
        check_description(description.as_deref())?;
        Ok((SecretRecord::new(address, description, self.clock.now())?, value))
    }

    /// Returns the key of a new secret's record, and the sealed record.
    pub(crate) async fn created(
        &self,
        view: &View,
        record: &SecretRecord,
        value: &NewValue,
    ) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let value = self.admit(view, &record.address, value).await?;
        record.check_size(&value, self.storage.limits())?;
        Ok((view.secret_key(self.prefix, &record.address), record.seal(&value, view.keys())?))
    }

    /// Returns the header and the sealed record that a secret has after a change.
    pub(crate) fn changed(
        &self,
        view: &View,
        found: &[u8],
        address: &SecretAddress,
        change: &SecretChange,
    ) -> Result<(SecretHeader, Vec<u8>), StoreError> {
        let (mut record, old_value) = SealedRecord::parse(found)?.open_at(address, view.keys())?;
        record.header().check_unchanged(change.expected.as_ref())?;
        let new_value = change.value.as_ref().map(|value| view.value(value)).transpose()?;
        record.version = record.version.next();
        // If the clock has gone back, a change must not be dated before the creation.
        record.modified = self.clock.now().max(record.created);
        if let Some(description) = &change.description {
            record.description.clone_from(description);
        }
        let new_value = new_value.as_deref().unwrap_or(&old_value);
        record.check_size(new_value, self.storage.limits())?;
        Ok((record.header(), record.seal(new_value, view.keys())?))
    }

    /// Returns the value to store at this address, if the settings allow it and the environment exists.
    async fn admit<'a>(
        &self,
        view: &View,
        address: &SecretAddress,
        value: &'a NewValue,
    ) -> Result<Cow<'a, SecretValue>, StoreError> {
        let value = view.value(value)?;
        match &address.environment {
            Some(environment) if !self.has_environment(view, environment).await? => {
                Err(StoreError::EnvironmentNotFound { environment: environment.clone() })
            }
            _ => Ok(value),
        }
    }

    pub(crate) async fn destroy_secret(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        let mut turn = self.turn();
        for _ in 0..MAX_ATTEMPTS {
            let (view, found) = self.find(address).await?;
            if turn.yields_at(&found.key).await {
                continue;
            }
            if let Some(expected) = &expected {
                match SealedRecord::parse(&found.value)?.open_at(address, view.keys()) {
                    Err(StoreError::WrongKey { .. }) if self.keys_changed_since(&view) => continue,
                    opened => opened?.0.header().check_unchanged(Some(expected))?,
                }
            }
            let expectation = Expectation::Revision(found.revision);
            let delete = |batch: Batch| batch.delete(found.key.as_slice(), expectation);
            match self.commit(&view, Tally::DESTROYED, delete).await? {
                Committed::Done => return Ok(()),
                Committed::Conflict(_) => turn.lost_at(&found.key).await,
                Committed::HeaderChanged => {}
            }
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    pub(crate) async fn get_secret(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        self.pending.count_read();
        loop {
            let (view, found) = self.find(address).await?;
            match SealedRecord::parse(&found.value)?.open_at(address, view.keys()) {
                Ok((record, value)) => return Ok(record.into_secret(value)),
                // A rotation began after this attempt had taken the keys, and before the attempt read the record.
                Err(StoreError::WrongKey { .. }) if self.keys_changed_since(&view) => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) async fn modify_secret(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        self.check_change(&change).await?;
        let mut turn = self.turn();
        for _ in 0..MAX_ATTEMPTS {
            let (view, found) = self.find(address).await?;
            if turn.yields_at(&found.key).await {
                continue;
            }
            let (header, sealed) = match self.changed(&view, &found.value, address, &change) {
                Ok(changed) => changed,
                Err(StoreError::WrongKey { .. }) if self.keys_changed_since(&view) => continue,
                Err(refusal) if self.is_current(&view).await? => return Err(refusal),
                Err(_) => continue,
            };
            let expectation = Expectation::Revision(found.revision);
            let put = |batch: Batch| batch.put(found.key.as_slice(), sealed, expectation);
            match self.commit(&view, Tally::CHANGED, put).await? {
                Committed::Done => return Ok(header),
                Committed::Conflict(_) => turn.lost_at(&found.key).await,
                Committed::HeaderChanged => {}
            }
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    /// Refuses a change that is invalid for every secret. Does not check that the secret to change exists.
    pub(crate) async fn check_change(&self, change: &SecretChange) -> Result<(), StoreError> {
        check_description(change.description.as_ref().and_then(Option::as_deref))?;
        if let Some(value @ NewValue::Generated(_)) = &change.value {
            let view = self.view().await?;
            if let Err(refusal) = view.value(value)
                && self.is_current(&view).await?
            {
                return Err(refusal);
            }
        }
        Ok(())
    }

    pub(crate) async fn list_secrets(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.pending.count_read();
        let mut view = self.view().await?;
        loop {
            let page = self.page_of_secrets(&view, query).await;
            if page.as_ref().is_ok_and(|page| !page.secrets.is_empty()) {
                return page;
            }
            // The page is empty. The store may have been deleted or replaced.
            let fresh = self.fresh_view().await?;
            if fresh.is_same_store(&view) {
                return page;
            }
            view = fresh;
        }
    }

    async fn page_of_secrets(&self, view: &View, query: &ListQuery) -> Result<SecretPage, StoreError> {
        let range = match &query.environment {
            EnvironmentFilter::All => self.prefix.secrets(),
            EnvironmentFilter::Shared => self.prefix.secrets_of(view.group(None)),
            EnvironmentFilter::In(environment) => self.prefix.secrets_of(view.group(Some(environment))),
        };
        let mut after = query.after.as_ref().map(|cursor| cursor_key(&range, cursor)).transpose()?;
        loop {
            let page =
                self.storage.scan(&range, after.as_deref(), query.limit).await.map_err(from_storage)?;
            let next = page.entries.last().filter(|_| page.more).map(|entry| entry.key.clone());
            let mut secrets = Vec::with_capacity(page.entries.len());
            for entry in page.entries {
                let listed = self.open_entry(view, entry, query.with_values).await?;
                secrets.extend(listed.filter(|listed| is_in(&query.environment, listed)));
            }
            match (&query.environment, next) {
                // All entries of the page have been destroyed, or belong to another environment whose keyed hash begins
                // with the same bytes.
                (_, Some(next)) if secrets.is_empty() => after = Some(next),
                (EnvironmentFilter::In(environment), None)
                    if secrets.is_empty() && !self.has_environment(view, environment).await? =>
                {
                    return Err(StoreError::EnvironmentNotFound { environment: environment.clone() });
                }
                (_, next) => return Ok(SecretPage { secrets, next: next.map(Cursor::from_bytes) }),
            }
        }
    }

    /// Opens an entry of a list. If a rotation has begun, the entry may have to be read again. Returns `None` if the
    /// secret was destroyed before that second read.
    async fn open_entry(
        &self,
        view: &View,
        entry: Entry,
        with_values: bool,
    ) -> Result<Option<ListedSecret>, StoreError> {
        let opened = open_listed(&entry.value, view.keys(), with_values);
        let (record, value) = match opened {
            Err(StoreError::WrongKey { .. }) if self.keys_changed_since(view) => {
                match self
                    .reread(view, &entry.key, |bytes, keys| open_listed(bytes, keys, with_values))
                    .await?
                {
                    Some(opened) => opened,
                    None => return Ok(None),
                }
            }
            other => other?,
        };
        if view.secret_key(self.prefix, &record.address) != entry.key {
            return Err(exchanged());
        }
        Ok(Some(ListedSecret { header: record.header(), value }))
    }

    /// Rereads a record that the keys of `view` did not open because a rotation has begun. Returns `None` if the record
    /// is gone.
    pub(crate) async fn reread<T>(
        &self,
        view: &View,
        key: &[u8],
        open: impl Fn(&[u8], StoreKeys<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        loop {
            let ring = self.keys();
            let Some(record) = self.storage.get(key).await.map_err(from_storage)? else { return Ok(None) };
            match open(&record.value, view.with(&ring)) {
                Err(StoreError::WrongKey { .. }) if !self.keys().ids().eq(ring.ids()) => {}
                other => return other.map(Some),
            }
        }
    }

    /// Finds the record at `address`. Also returns the view with which it was found.
    async fn find(&self, address: &SecretAddress) -> Result<(View, Entry), StoreError> {
        let mut view = self.view().await?;
        loop {
            let key = view.secret_key(self.prefix, address);
            if let Some(record) = self.storage.get(&key).await.map_err(from_storage)? {
                return Ok((view, Entry { key, value: record.value, revision: record.revision }));
            }
            // If there is no record, the store may have been deleted or replaced.
            let fresh = self.fresh_view().await?;
            if fresh.is_same_store(&view) {
                return Err(self.missing(&fresh, address).await);
            }
            view = fresh;
        }
    }
}

fn open_listed(
    bytes: &[u8],
    keys: StoreKeys<'_>,
    with_value: bool,
) -> Result<(SecretRecord, Option<SecretValue>), StoreError> {
    let sealed = SealedRecord::parse(bytes)?;
    if with_value {
        sealed.open(keys).map(|(record, value)| (record, Some(value)))
    } else {
        sealed.open_header(keys).map(|record| (record, None))
    }
}

fn is_in(filter: &EnvironmentFilter, listed: &ListedSecret) -> bool {
    let environment = listed.header.address.environment.as_ref();
    match filter {
        EnvironmentFilter::All => true,
        EnvironmentFilter::Shared => environment.is_none(),
        EnvironmentFilter::In(wanted) => environment == Some(wanted),
    }
}

pub(crate) fn cursor_key(range: &KeyRange, cursor: &Cursor) -> Result<Vec<u8>, StoreError> {
    if range.contains(cursor.as_bytes()) {
        Ok(cursor.as_bytes().to_vec())
    } else {
        Err(StoreError::invalid("the cursor", "it does not come from this list"))
    }
}
