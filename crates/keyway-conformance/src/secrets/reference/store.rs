//! Implements the operations of the reference store.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use keyway_core::{Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Count, Cursor, Environment, EnvironmentChange, EnvironmentFilter,
    EnvironmentName, EnvironmentPage, ListQuery, ListedSecret, MAX_EXTERNAL_URL_BYTES, NewEnvironment,
    NewSecret, Progress, RotationListener, Secret, SecretAddress, SecretChange, SecretHeader, SecretPage,
    SecretRevision, SecretStore, SecretWrite, StoreError, StoreInfo,
};
use keyway_storage::{Batch, CommitOutcome, Expectation};

use super::content::EnvironmentRecord;
use super::document::{ATTEMPTS, Loaded, ReferenceStore, failed};
use super::{Content, Settings};

const SECRET_CURSOR: &[u8] = b"secrets after ";
const ENVIRONMENT_CURSOR: &[u8] = b"environments after ";

impl ReferenceStore {
    pub(super) fn admit(&self, address: &SecretAddress) -> Result<(), StoreError> {
        match address.environment {
            Some(_) if !self.habits.capabilities.environments => {
                Err(StoreError::Unsupported { what: "environments" })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn need(declared: bool, what: &'static str) -> Result<(), StoreError> {
        if declared { Ok(()) } else { Err(StoreError::Unsupported { what }) }
    }
}

fn after<'a>(cursor: Option<&'a Cursor>, mark: &[u8]) -> Result<Option<&'a [u8]>, StoreError> {
    let foreign = || StoreError::invalid("the cursor", "it does not come from this store");
    cursor.map(|cursor| cursor.as_bytes().strip_prefix(mark).ok_or_else(foreign)).transpose()
}

fn check_url(url: Option<&str>) -> Result<(), StoreError> {
    match url {
        Some(url) if url.len() > MAX_EXTERNAL_URL_BYTES => {
            Err(StoreError::invalid("the external URL", "it is too long"))
        }
        _ => Ok(()),
    }
}

#[async_trait]
impl SecretStore for ReferenceStore {
    fn capabilities(&self) -> Capabilities {
        self.habits.capabilities
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        Self::need(self.habits.capabilities.tracks_writer, "who wrote last")?;
        Ok(self.load_any().await?.map(|loaded| loaded.content.written_by))
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        if self.load_any().await?.is_some() {
            return Err(StoreError::AlreadyInitialized);
        }
        let content = Content::empty(self.metadata.written_by());
        if self.store(&content, &self.keys(), Expectation::Absent).await? {
            Ok(())
        } else {
            Err(StoreError::AlreadyInitialized)
        }
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        Self::need(self.habits.capabilities.rotates, "rotation")?;
        // From here on, the handle reads with both the old and the new ring, whether or not the call completes.
        self.set_keys(new.with_retiring(&self.keys()));
        for _ in 0..ATTEMPTS {
            let Loaded { mut content, revision, .. } = self.load().await?;
            content.written_by = (self.stamp)(&self.metadata, &content.written_by);
            if self.store(&content, new, Expectation::Revision(revision)).await? {
                self.set_keys(new.clone());
                let total = u64::try_from(content.secrets.len()).unwrap_or(u64::MAX);
                listener.progressed(Progress { done: total, total });
                return Ok(());
            }
        }
        Err(StoreError::Conflict { attempts: ATTEMPTS })
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let write = SecretWrite::Create(secret);
        self.admit_write(&write)?;
        let now = self.now();
        self.change(|content| self.apply(content, &write, now)).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        Self::need(self.habits.capabilities.destroys, "destruction of secrets")?;
        self.admit(address)?;
        Self::need(self.habits.capabilities.versions || expected.is_none(), "versions")?;
        self.change(|content| {
            let at = content.find(address)?;
            content.secrets[at].header(&self.habits).check_unchanged(expected.as_ref())?;
            content.secrets.remove(at);
            Ok(())
        })
        .await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        self.admit(address)?;
        let content = self.look().await?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        let record = &content.secrets[content.find(address)?];
        Ok(Secret { header: record.header(&self.habits), value: record.value()? })
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        let write = SecretWrite::Modify(address.clone(), change);
        self.admit_write(&write)?;
        let now = self.now();
        self.change(|content| self.apply(content, &write, now)).await
    }

    async fn write_all(&self, writes: Vec<SecretWrite>) -> Result<Vec<SecretHeader>, StoreError> {
        let limits = self.habits.capabilities.bulk.ok_or(StoreError::Unsupported { what: "bulk writes" })?;
        limits.check(&writes)?;
        self.write_each(&writes).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        if let EnvironmentFilter::In(_) = query.environment {
            Self::need(self.habits.capabilities.environments, "environments")?;
        }
        let after = after(query.after.as_ref(), SECRET_CURSOR)?;
        let content = self.look().await?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        if let EnvironmentFilter::In(environment) = &query.environment {
            content.knows(Some(environment))?;
        }
        let mut records: Vec<_> = content
            .secrets
            .iter()
            .filter(|record| match &query.environment {
                EnvironmentFilter::All => true,
                EnvironmentFilter::Shared => record.environment.is_none(),
                EnvironmentFilter::In(name) => record.environment.as_deref() == Some(name.as_str()),
            })
            .filter(|record| {
                let place = record.place.to_be_bytes();
                after.is_none_or(|after| {
                    if self.habits.youngest_first { place[..] < *after } else { place[..] > *after }
                })
            })
            .collect();
        records.sort_by_key(|record| if self.habits.youngest_first { !record.place } else { record.place });
        let more = records.len() > query.limit.min(self.habits.page);
        records.truncate(query.limit.min(self.habits.page));
        let next = records
            .last()
            .filter(|_| more)
            .map(|record| Cursor::from_bytes([SECRET_CURSOR, &record.place.to_be_bytes()].concat()));
        let secrets = records
            .into_iter()
            .map(|record| {
                let value = if query.with_values { Some(record.value()?) } else { None };
                Ok(ListedSecret { header: record.header(&self.habits), value })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(SecretPage { secrets, next })
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        Self::need(self.habits.capabilities.configures, "settings")?;
        let given = match request {
            Configure::Read => return Ok(self.look().await?.settings.table()),
            Configure::Write(given) => given,
        };
        let settings = Settings::given(&given, self.habits.capabilities.generates_values)?;
        self.change(|content| {
            content.settings = settings.clone();
            Ok(settings.table())
        })
        .await
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        let content = self.look().await?;
        let number = u64::try_from(content.secrets.len()).unwrap_or(u64::MAX);
        let count = if self.habits.estimates { Count::about(number + 1) } else { Count::exact(number) };
        let reads = content.reads + self.reads.load(Ordering::SeqCst);
        let written_by = self.habits.capabilities.tracks_writer.then_some(content.written_by);
        Ok(StoreInfo::new(self.metadata.clone(), written_by, count).with_counters(reads, content.writes))
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        Self::need(self.habits.capabilities.deletable, "deletion of the store")?;
        let loaded = match self.load_any().await {
            Err(StoreError::Deleted) => None,
            other => other?,
        };
        let Some(Loaded { content, revision, keys }) = loaded else {
            self.deleted.store(true, Ordering::SeqCst);
            return Ok(());
        };
        (self.check)(&self.metadata, &content.written_by)?;
        let written = if self.habits.names_stay_taken {
            let content = Content { deleted: true, ..Content::empty(content.written_by) };
            self.store(&content, &keys, Expectation::Revision(revision)).await?
        } else {
            let batch = Batch::new().delete(self.key.clone(), Expectation::Revision(revision));
            matches!(self.storage.commit(batch).await.map_err(failed)?, CommitOutcome::Committed(_))
        };
        if !written {
            return Err(StoreError::Conflict { attempts: 1 });
        }
        self.deleted.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn list_environments(
        &self,
        after_cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        Self::need(self.habits.capabilities.environments, "environments")?;
        let after = after(after_cursor, ENVIRONMENT_CURSOR)?;
        let mut content = self.look().await?;
        content.environments.sort_by(|one, other| one.name.cmp(&other.name));
        content
            .environments
            .retain(|environment| after.is_none_or(|after| environment.name.as_bytes() > after));
        let limit = limit.clamp(1, self.habits.page);
        let more = content.environments.len() > limit;
        content.environments.truncate(limit);
        let next = content.environments.last().filter(|_| more).map(|environment| {
            Cursor::from_bytes([ENVIRONMENT_CURSOR, environment.name.as_bytes()].concat())
        });
        let environments =
            content.environments.iter().map(EnvironmentRecord::answer).collect::<Result<_, _>>()?;
        Ok(EnvironmentPage { environments, next })
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        Self::need(self.habits.capabilities.environments, "environments")?;
        let content = self.look().await?;
        content.environments[content.find_environment(name)?].answer()
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        Self::need(self.habits.capabilities.environments, "environments")?;
        check_url(environment.external_url.as_deref())?;
        let now = self.now();
        self.change(|content| {
            if content.find_environment(&environment.name).is_ok() {
                return Err(StoreError::EnvironmentExists { environment: environment.name.clone() });
            }
            let record = EnvironmentRecord {
                name: environment.name.as_str().to_owned(),
                external_url: environment.external_url.clone(),
                created: now,
                modified: now,
            };
            content.environments.push(record.clone());
            record.answer()
        })
        .await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        Self::need(self.habits.capabilities.environments, "environments")?;
        check_url(change.external_url.as_deref())?;
        let now = self.now();
        self.change(|content| {
            let at = content.find_environment(name)?;
            let record = &mut content.environments[at];
            record.external_url.clone_from(&change.external_url);
            record.modified = now.max(record.created);
            record.answer()
        })
        .await
    }
}
