//! A project of the service that was reached: its number, its key, and its items.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_client::Credentials;
use keyway_core::Clock;
use keyway_secrets::{EnvironmentName, SecretAddress, StoreError};

use crate::answer::{Record, number, page};
use crate::cache::{Body, Cache};
use crate::configuration::LockerConfiguration;
use crate::environment_record::EnvironmentRecord;
use crate::failure::Failure;
use crate::item_key::{CipherFault, ItemKey};
use crate::key_schedule::{access_key, project_key};
use crate::lookup::lookup_hash;
use crate::profile::Profile;
use crate::secret_record::SecretRecord;
use crate::service::Service;

/// The items of a page.
const PAGE: u32 = 1000;
/// How often a list is read again because items were added or removed between its pages.
const ATTEMPTS: u32 = 5;
const READ: &str = "read from the service";

/// A connection to one project.
#[derive(Debug)]
pub(crate) struct Session {
    service: Service,
    cache: Cache,
    pub(crate) key: ItemKey,
    pub(crate) project: u64,
}

/// The lists of the service.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Items {
    Secrets,
    Environments,
}

impl Items {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Secrets => "/v1/secrets",
            Self::Environments => "/v1/environments",
        }
    }

    const fn counted_by(self) -> &'static str {
        match self {
            Self::Secrets => "count_secrets",
            Self::Environments => "count_environment",
        }
    }
}

impl Session {
    /// Reads the profile, and opens the key of the project.
    pub(crate) fn open(
        configuration: &LockerConfiguration,
        credentials: &Credentials,
        clock: Arc<dyn Clock>,
        until: Instant,
    ) -> Result<Self, StoreError> {
        const KEY: &str = "the key of the project";
        let access = access_key(credentials.secret_access_key())
            .map_err(|_| StoreError::not_ready("the secret access key", "it is not Base64"))?;
        let max_age = Duration::from_secs(configuration.max_age_seconds.into());
        let cache = Cache::new(max_age, Arc::clone(&clock));
        let service = Service::new(configuration, credentials, clock)?;
        let body = service.get("/v1/profile", until).map_err(|failure| failure.of_read(READ))?;
        let profile = Profile::read(&body).map_err(|malformed| Failure::from(malformed).of_read(READ))?;
        let key = project_key(&access, &profile.key).map_err(|fault| match fault {
            CipherFault::NotAuthentic => StoreError::WrongKey { what: KEY, sealed_by: None },
            damaged => StoreError::corrupt(KEY, damaged.to_string()),
        })?;
        Ok(Self { service, cache, key, project: profile.project })
    }

    pub(crate) fn hash(&self, name: &str) -> String {
        lookup_hash(self.project, name)
    }

    /// Reads from the service, or from what is kept of its answers.
    fn read(&self, path: &str, until: Instant) -> Result<Body, Failure> {
        let begun = match self.cache.find(path) {
            Ok(kept) => return Ok(kept),
            Err(begun) => begun,
        };
        let body = Arc::new(self.service.get(path, until)?);
        self.cache.keep(path, begun, &body);
        Ok(body)
    }

    /// Runs an operation that writes. It reads nothing that was kept before, and nothing older is read after it.
    pub(crate) fn writing<T>(&self, operation: impl FnOnce(&Service) -> T) -> T {
        self.cache.forget();
        let answer = operation(&self.service);
        self.cache.forget();
        answer
    }

    /// Encrypts a text of a caller.
    pub(crate) fn seal(&self, text: &str) -> Result<String, StoreError> {
        self.key.seal(text.as_bytes())
    }

    /// Finds the secret at exactly this address (decisions L1 and L9).
    pub(crate) fn find_secret(
        &self,
        address: &SecretAddress,
        until: Instant,
    ) -> Result<SecretRecord, StoreError> {
        let records: Vec<SecretRecord> =
            self.items(Items::Secrets, &self.hash(address.name.as_str()), until)?;
        let mut found = None;
        // They all have the name, and belong to different environments.
        for record in records {
            let there = record.address(&self.key)?;
            if there.name != address.name {
                return Err(foreign(&record.id));
            }
            if there.environment == address.environment && found.replace(record).is_some() {
                return Err(double());
            }
        }
        if let (None, Some(environment)) = (&found, &address.environment) {
            self.find_environment(environment, until)?;
        }
        found.ok_or_else(|| StoreError::SecretNotFound { address: address.clone() })
    }

    /// Finds an environment by its exact name (decision L2).
    pub(crate) fn find_environment(
        &self,
        name: &EnvironmentName,
        until: Instant,
    ) -> Result<EnvironmentRecord, StoreError> {
        let records: Vec<EnvironmentRecord> =
            self.items(Items::Environments, &self.hash(name.as_str()), until)?;
        let mut found = None;
        for record in records {
            if record.environment(&self.key)?.name != *name {
                return Err(foreign(&record.id));
            }
            if found.replace(record).is_some() {
                return Err(double());
            }
        }
        found.ok_or_else(|| StoreError::EnvironmentNotFound { environment: name.clone() })
    }

    /// Returns the number of secrets.
    pub(crate) fn count(&self, until: Instant) -> Result<u64, StoreError> {
        let body = self.read("/v1/sync/secrets/count", until).map_err(|failure| failure.of_read(READ))?;
        let json = crate::answer::json(&body).map_err(|malformed| Failure::from(malformed).of_read(READ))?;
        number(&json).ok_or_else(|| Failure::from(crate::answer::Malformed("number")).of_read(READ))
    }

    /// Reads all items with a hash, or all items if it is empty, in the order of their ids.
    ///
    /// The service has no cursor, only numbers of pages. If items are added or removed between two pages, others move over
    /// the border, so the list is read again.
    pub(crate) fn items<R: Record>(
        &self,
        items: Items,
        hash: &str,
        until: Instant,
    ) -> Result<Vec<R>, StoreError> {
        for _ in 0..ATTEMPTS {
            if let Some(records) =
                self.items_at_once(items, hash, until).map_err(|failure| failure.of_read(READ))?
            {
                return Ok(records.into_values().collect());
            }
        }
        Err(StoreError::Conflict { attempts: ATTEMPTS })
    }

    /// Reads all pages, or returns `None` if they are not those of one moment.
    fn items_at_once<R: Record>(
        &self,
        items: Items,
        hash: &str,
        until: Instant,
    ) -> Result<Option<BTreeMap<String, R>>, Failure> {
        let mut records = BTreeMap::new();
        let mut first_count = None;
        for at in 1_u32.. {
            let route = items.path();
            let counted_by = items.counted_by();
            let path =
                format!("{route}?{counted_by}=1&page={at}&paging=1&revision_date=0&size={PAGE}&hash={hash}");
            let page = page::<R>(&self.read(&path, until)?)?;
            let count = *first_count.get_or_insert(page.count);
            for record in page.records {
                records.insert(record.id().to_owned(), record);
            }
            if !page.more {
                let is_whole = at == 1 || page.count == count && records.len() as u64 == count;
                return Ok(is_whole.then_some(records));
            }
        }
        Ok(None)
    }
}

fn foreign(id: &str) -> StoreError {
    StoreError::corrupt(
        "the service's list",
        format!("record {id} has another name than the one that was asked for"),
    )
}

fn double() -> StoreError {
    StoreError::corrupt("the service's list", "it has two records of the same name and environment")
}
