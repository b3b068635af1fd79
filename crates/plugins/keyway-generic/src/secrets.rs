//! The operations on single secrets, and lists of them.

use std::borrow::Cow;

use keyway_core::SecretValue;
use keyway_secrets::{
    Cursor, EnvironmentFilter, ListQuery, ListedSecret, MAX_DESCRIPTION_BYTES, NewSecret, NewValue, Secret,
    SecretAddress, SecretChange, SecretHeader, SecretPage, SecretRevision, StoreError,
};
use keyway_storage::{Entry, Expectation, KeyRange};

use crate::handle::{Committed, Handle, MAX_ATTEMPTS, StoreKeys, View};
use crate::record::{SealedRecord, SecretRecord, exchanged};
use crate::storage_error::from_storage;

impl View {
    /// The value to store, made by the settings in force if it is to be made (decision C11). The
    /// commit checks that they are still in force.
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
        let NewSecret { address, value, description, .. } = secret;
        address.name.check_creatable()?;
        check_description(description.as_deref())?;
        let record = SecretRecord::new(address, description, self.clock.now())?;
        for _ in 0..MAX_ATTEMPTS {
            let view = self.view().await?;
            let value = match self.admit(&view, &record.address, &value).await {
                Ok(value) => value,
                // What the handle remembers of the store may be out of date.
                Err(refusal) if self.is_current(&view).await? => return Err(refusal),
                Err(_) => continue,
            };
            let key = view.secret_key(self.prefix, &record.address);
            record.check_size(&value, self.storage.limits())?;
            let sealed = record.seal(&value, view.keys())?;
            match self.commit(&view, |batch| batch.put(key, sealed, Expectation::Absent)).await? {
                Committed::Done => return Ok(record.header()),
                Committed::Conflict(_) => {
                    return Err(StoreError::SecretExists { address: record.address });
                }
                Committed::HeaderChanged => {}
            }
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    /// The value to store at this place, if the store takes it there.
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
        let mut turn = None;
        for _ in 0..MAX_ATTEMPTS {
            let (view, found) = self.find(address).await?;
            if let Some(expected) = &expected {
                match SealedRecord::parse(&found.value)?.open_at(address, view.keys()) {
                    Err(StoreError::WrongKey { .. }) if self.keys_changed_since(&view) => continue,
                    opened => opened?.0.header().check_unchanged(Some(expected))?,
                }
            }
            let expectation = Expectation::Revision(found.revision);
            let crowd = self.crowd_at(&found.key);
            match self.commit(&view, |batch| batch.delete(found.key, expectation)).await? {
                Committed::Done => return Ok(()),
                Committed::Conflict(_) if turn.is_none() => turn = Some(crowd.lock().await),
                Committed::Conflict(_) | Committed::HeaderChanged => {}
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
                // A rotation began between taking the keys and reading the record.
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
        let SecretChange { value, description, expected, .. } = change;
        check_description(description.as_ref().and_then(Option::as_deref))?;
        // What no secret could get is refused whether or not there is one.
        if let Some(value @ NewValue::Generated(_)) = &value {
            let view = self.view().await?;
            if let Err(refusal) = view.value(value)
                && self.is_current(&view).await?
            {
                return Err(refusal);
            }
        }
        let mut turn = None;
        for _ in 0..MAX_ATTEMPTS {
            let (view, found) = self.find(address).await?;
            let opened = SealedRecord::parse(&found.value)?.open_at(address, view.keys());
            let (mut record, old_value) = match opened {
                Err(StoreError::WrongKey { .. }) if self.keys_changed_since(&view) => continue,
                other => other?,
            };
            if let Some(expected) = &expected {
                record.header().check_unchanged(Some(expected))?;
            }
            let new_value = match value.as_ref().map(|value| view.value(value)).transpose() {
                Ok(new_value) => new_value,
                Err(refusal) if self.is_current(&view).await? => return Err(refusal),
                Err(_) => continue,
            };
            record.version = record.version.next();
            // A clock that went back must not make a secret older than its creation.
            record.modified = self.clock.now().max(record.created);
            if let Some(description) = &description {
                record.description.clone_from(description);
            }
            let new_value = new_value.as_deref().unwrap_or(&old_value);
            record.check_size(new_value, self.storage.limits())?;
            let sealed = record.seal(new_value, view.keys())?;
            let expectation = Expectation::Revision(found.revision);
            let crowd = self.crowd_at(&found.key);
            match self.commit(&view, |batch| batch.put(found.key, sealed, expectation)).await? {
                Committed::Done => return Ok(record.header()),
                Committed::Conflict(_) if turn.is_none() => turn = Some(crowd.lock().await),
                Committed::Conflict(_) | Committed::HeaderChanged => {}
            }
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    pub(crate) async fn list_secrets(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.pending.count_read();
        let mut view = self.view().await?;
        loop {
            let page = self.page_of_secrets(&view, query).await;
            if page.as_ref().is_ok_and(|page| !page.secrets.is_empty()) {
                return page;
            }
            // Nothing there, or nothing that fits: was the store deleted, or made anew?
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
                // All of the page belongs to an environment whose mark begins alike, or was
                // destroyed meanwhile.
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

    /// Opens an entry of a list. `None` if it was destroyed while its key was looked for.
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

    /// Reads a record again that the keys of `view` did not open, because a rotation began
    /// meanwhile. `None` if it is gone.
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

    /// The record at `address` and the view that it was found with.
    async fn find(&self, address: &SecretAddress) -> Result<(View, Entry), StoreError> {
        let mut view = self.view().await?;
        loop {
            let key = view.secret_key(self.prefix, address);
            if let Some(record) = self.storage.get(&key).await.map_err(from_storage)? {
                return Ok((view, Entry { key, value: record.value, revision: record.revision }));
            }
            // Nothing there: was the store deleted, or made anew?
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

fn check_description(description: Option<&str>) -> Result<(), StoreError> {
    match description.map_or(0, str::len) {
        bytes if bytes > MAX_DESCRIPTION_BYTES => {
            Err(StoreError::TooLarge { what: "the description", bytes, limit: MAX_DESCRIPTION_BYTES })
        }
        _ => Ok(()),
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
        Err(StoreError::invalid("the cursor", "it is not one that this list gave"))
    }
}
