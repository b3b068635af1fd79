//! Implements the operations on environments.

use keyway_secrets::{
    Cursor, Environment, EnvironmentChange, EnvironmentName, EnvironmentPage, MAX_EXTERNAL_URL_BYTES,
    NewEnvironment, StoreError,
};
use keyway_storage::{Entry, Expectation};

use crate::commit::Committed;
use crate::counters::Tally;
use crate::environment_record::{EnvironmentRecord, misplaced};
use crate::handle::{Handle, MAX_ATTEMPTS, View};
use crate::secrets::cursor_key;
use crate::storage_error::from_storage;

impl Handle {
    pub(crate) async fn page_of_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        let mut view = self.view().await?;
        loop {
            let page = self.environments_after(&view, after, limit).await;
            if page.as_ref().is_ok_and(|page| !page.environments.is_empty()) {
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

    async fn environments_after(
        &self,
        view: &View,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        let range = self.prefix.environments();
        let after = after.map(|cursor| cursor_key(&range, cursor)).transpose()?;
        let page = self.storage.scan(&range, after.as_deref(), limit).await.map_err(from_storage)?;
        let next = page.entries.last().filter(|_| page.more);
        let next = next.map(|entry| Cursor::from_bytes(entry.key.clone()));
        let mut environments = Vec::with_capacity(page.entries.len());
        for entry in page.entries {
            let Some(record) = self.open_environment(view, &entry).await? else { continue };
            if view.environment_key(self.prefix, &record.name) != entry.key {
                return Err(misplaced());
            }
            environments.push(record.into_environment());
        }
        Ok(EnvironmentPage { environments, next })
    }

    pub(crate) async fn get_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        let (_, _, record) = self.find_environment(name).await?;
        Ok(record.into_environment())
    }

    pub(crate) async fn add_environment(
        &self,
        environment: NewEnvironment,
    ) -> Result<Environment, StoreError> {
        check_url(environment.external_url.as_deref())?;
        let now = self.clock.now();
        let record = EnvironmentRecord {
            name: environment.name,
            external_url: environment.external_url,
            created: now,
            modified: now,
        };
        for _ in 0..MAX_ATTEMPTS {
            let view = self.view().await?;
            let key = view.environment_key(self.prefix, &record.name);
            let sealed = record.seal(view.keys())?;
            match self
                .commit(&view, Tally::CHANGED, |batch| batch.put(key, sealed, Expectation::Absent))
                .await?
            {
                Committed::Done => return Ok(record.into_environment()),
                Committed::Conflict(_) => {
                    return Err(StoreError::EnvironmentExists { environment: record.name });
                }
                Committed::HeaderChanged => {}
            }
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    pub(crate) async fn change_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        check_url(change.external_url.as_deref())?;
        let mut turn = self.turn();
        for _ in 0..MAX_ATTEMPTS {
            let (view, entry, mut record) = self.find_environment(name).await?;
            if turn.yields_at(&entry.key).await {
                continue;
            }
            record.external_url.clone_from(&change.external_url);
            record.modified = self.clock.now().max(record.created);
            let sealed = record.seal(view.keys())?;
            let expectation = Expectation::Revision(entry.revision);
            match self
                .commit(&view, Tally::CHANGED, |batch| batch.put(entry.key.as_slice(), sealed, expectation))
                .await?
            {
                Committed::Done => return Ok(record.into_environment()),
                Committed::Conflict(_) => turn.lost_at(&entry.key).await,
                Committed::HeaderChanged => {}
            }
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    async fn find_environment(
        &self,
        name: &EnvironmentName,
    ) -> Result<(View, Entry, EnvironmentRecord), StoreError> {
        let mut view = self.view().await?;
        loop {
            let key = view.environment_key(self.prefix, name);
            if let Some(found) = self.storage.get(&key).await.map_err(from_storage)? {
                let entry = Entry { key, value: found.value, revision: found.revision };
                match EnvironmentRecord::open(&entry.value, view.keys()) {
                    // A rotation began after this attempt had taken the keys, and before the attempt read the record.
                    Err(StoreError::WrongKey { .. }) if self.keys_changed_since(&view) => {
                        view = self.view().await?;
                        continue;
                    }
                    opened => {
                        let record = opened?.check_name(name)?;
                        view.remember(name);
                        return Ok((view, entry, record));
                    }
                }
            }
            let fresh = self.fresh_view().await?;
            if fresh.is_same_store(&view) {
                return Err(StoreError::EnvironmentNotFound { environment: name.clone() });
            }
            view = fresh;
        }
    }

    /// Opens an entry of a page. Returns `None` if the entry has been deleted.
    async fn open_environment(
        &self,
        view: &View,
        entry: &Entry,
    ) -> Result<Option<EnvironmentRecord>, StoreError> {
        match EnvironmentRecord::open(&entry.value, view.keys()) {
            Err(StoreError::WrongKey { .. }) if self.keys_changed_since(view) => {
                self.reread(view, &entry.key, EnvironmentRecord::open).await
            }
            other => other.map(Some),
        }
    }
}

fn check_url(url: Option<&str>) -> Result<(), StoreError> {
    match url.map_or(0, str::len) {
        bytes if bytes > MAX_EXTERNAL_URL_BYTES => {
            Err(StoreError::TooLarge { what: "the external URL", bytes, limit: MAX_EXTERNAL_URL_BYTES })
        }
        _ => Ok(()),
    }
}
