//! A connected project of the service: its number, its key, and its items.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_client::Credentials;
use keyway_core::{Clock, Timestamp};
use keyway_secrets::{EnvironmentName, SecretAddress, StoreError};

use crate::answer::{Malformed, json, number};
use crate::cache::{Begun, Cache};
use crate::configuration::LockerConfiguration;
use crate::environment_record::EnvironmentRecord;
use crate::failure::Failure;
use crate::item_key::{CipherFault, ItemKey};
use crate::items::Items;
use crate::kept_file::KeptFile;
use crate::key_schedule::{access_key, project_key};
use crate::lookup::lookup_hash;
use crate::profile::Profile;
use crate::secret_list::KeptList;
use crate::secret_record::SecretRecord;
use crate::service::Service;

pub(crate) const READ: &str = "read from the service";

/// A connection to one project.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) service: Service,
    pub(crate) cache: Cache,
    pub(crate) list: KeptList,
    pub(crate) key: ItemKey,
    pub(crate) profile: Profile,
    /// The time before which the service was asked for the profile. `None` if the profile comes from the cache file.
    asked: Option<Instant>,
}

/// The place from which a session takes the profile of its project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProfileFrom {
    /// The cache file if its content is recent enough, otherwise the service.
    Cache,
    Service,
}

/// An answer to a read.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub(crate) content: T,
    /// The size of the answer, in bytes.
    pub(crate) bytes: usize,
    pub(crate) begun: Begun,
    /// The service's time at the beginning of the read, from the date in the answer. If the answer has no date, the
    /// host's time.
    pub(crate) begun_there: Timestamp,
}

impl Session {
    /// Reads the profile, and decrypts the key of the project.
    pub(crate) fn open(
        configuration: &LockerConfiguration,
        credentials: &Credentials,
        kept: Option<&Path>,
        accepted: Duration,
        clock: &Arc<dyn Clock>,
        from: ProfileFrom,
        until: Instant,
    ) -> Result<Self, StoreError> {
        const KEY: &str = "the key of the project";
        let access = access_key(credentials.secret_access_key())
            .map_err(|_| StoreError::not_ready("the secret access key", "it is not Base64"))?;
        let max_age = Duration::from_secs(configuration.max_age_seconds.into());
        let service = Service::new(configuration, credentials, Arc::clone(clock))?;
        let cached = |profile: &Profile, key: &ItemKey| {
            let clock = Arc::clone(clock);
            let cache = match kept {
                None => Cache::new(max_age, clock),
                Some(path) => {
                    Cache::shared(max_age, clock, KeptFile::new(path, service.base(), profile.clone(), key))
                }
            };
            cache.accepting(accepted)
        };
        let list = KeptList::default();
        if from == ProfileFrom::Cache
            && let Some(profile) = kept.and_then(KeptFile::profile_in)
            && let Ok(key) = project_key(&access, &profile.key)
        {
            let cache = cached(&profile, &key);
            if cache.has_usable_profile() {
                return Ok(Self { service, cache, list, key, profile, asked: None });
            }
        }
        let (begun, asked) = (clock.now(), Some(Instant::now()));
        let profile = read_profile(&service, until).map_err(|failure| failure.of_read(READ))?;
        let key = project_key(&access, &profile.key).map_err(|fault| match fault {
            CipherFault::NotAuthentic => StoreError::WrongKey { what: KEY, sealed_by: None },
            damaged => StoreError::corrupt(KEY, damaged.to_string()),
        })?;
        let cache = cached(&profile, &key);
        cache.keep_profile(begun);
        Ok(Self { service, cache, list, key, profile, asked })
    }

    /// Asks the service whether the project still has the key of this session, unless it was asked after `since`.
    pub(crate) fn has_current_key(&self, since: Instant, until: Instant) -> Result<bool, StoreError> {
        if self.asked.is_some_and(|asked| asked >= since) {
            return Ok(true);
        }
        let profile = read_profile(&self.service, until).map_err(|failure| failure.of_read(READ))?;
        Ok(profile == self.profile)
    }

    pub(crate) fn hash(&self, name: &str) -> String {
        lookup_hash(self.profile.project, name)
    }

    /// Returns a kept answer, or reads from the service if none is kept. An answer that `parse` refuses is not kept.
    pub(crate) fn read<T>(
        &self,
        path: &str,
        until: Instant,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<Read<T>, Failure> {
        self.read_since(Timestamp::default(), path, until, parse)
    }

    /// Returns a kept answer whose read began at `since` or later. Otherwise reads from the service.
    pub(crate) fn read_since<T>(
        &self,
        since: Timestamp,
        path: &str,
        until: Instant,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<Read<T>, Failure> {
        match self.cache.find(path) {
            Ok((body, begun)) if begun.at() >= since => {
                Ok(Read { content: parse(&body)?, bytes: body.len(), begun, begun_there: begun.at() })
            }
            Ok(_) => self.read_anew(path, until, parse),
            Err(begun) => self.read_from(begun, path, until, parse),
        }
    }

    /// Reads from the service, although an answer may be kept. The new answer takes its place.
    pub(crate) fn read_anew<T>(
        &self,
        path: &str,
        until: Instant,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<Read<T>, Failure> {
        self.read_from(self.cache.begin(), path, until, parse)
    }

    fn read_from<T>(
        &self,
        begun: Begun,
        path: &str,
        until: Instant,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<Read<T>, Failure> {
        let asked = Instant::now();
        let answer = self.service.get(path, until)?;
        let begun_there = answer.date.map_or(begun.at(), |date| date.minus(asked.elapsed()));
        let content = parse(&answer.body)?;
        let body = Arc::new(answer.body);
        self.cache.keep(path, begun, &body);
        Ok(Read { content, bytes: body.len(), begun, begun_there })
    }

    /// Drops the kept answers with the items of this hash if one of them does not open, or all lists if the hash is
    /// empty. The service may have sent it damaged only once, so the next read asks again (decision H363).
    pub(crate) fn checked<T>(&self, hash: &str, read: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(read, Err(StoreError::Corrupt { .. })) {
            if hash.is_empty() {
                self.list.clear();
            }
            let end = format!("&hash={hash}");
            self.cache.drop_damaged(|path| path.ends_with(&end));
        }
        read
    }

    /// Runs an operation that writes. The operation uses no kept answers, and later reads use no answers from before
    /// the write.
    pub(crate) fn writing<T>(
        &self,
        operation: impl FnOnce(&Service) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.forget()?;
        let answer = operation(&self.service);
        self.forget_after_write();
        answer
    }

    /// Drops all kept answers after a write, because they may be older.
    pub(crate) fn forget_after_write(&self) {
        if let Err(error) = self.forget() {
            tracing::warn!("other processes may read what they kept before a write: {error}");
        }
    }

    fn forget(&self) -> Result<(), StoreError> {
        self.list.clear();
        self.cache.forget()
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
        let secrets = self.items::<SecretRecord>(Items::Secrets, &self.hash(address.name.as_str()), until)?;
        let mut found = None;
        // All these records have this name, each in a different environment.
        for record in secrets.records {
            let there = record.address(&self.key)?;
            if there.name != address.name {
                return Err(foreign(&record.id));
            }
            if there.environment == address.environment && found.replace(record).is_some() {
                return Err(double());
            }
        }
        if let (None, Some(environment)) = (&found, &address.environment) {
            self.check_environment(environment, secrets.begun, until)?;
        }
        found.ok_or_else(|| StoreError::SecretNotFound { address: address.clone() })
    }

    /// Checks that an environment exists in which nothing was found (decisions L2 and L3). `begun` is the read that
    /// found nothing: a kept answer from before it says nothing about an environment that was deleted since.
    pub(crate) fn check_environment(
        &self,
        name: &EnvironmentName,
        begun: Begun,
        until: Instant,
    ) -> Result<(), StoreError> {
        let found = self.find_environment_since(begun.at(), name, until);
        self.checked(&self.hash(name.as_str()), found).map(drop)
    }

    /// Finds an environment by its exact name (decision L2).
    pub(crate) fn find_environment(
        &self,
        name: &EnvironmentName,
        until: Instant,
    ) -> Result<EnvironmentRecord, StoreError> {
        self.find_environment_since(Timestamp::default(), name, until)
    }

    fn find_environment_since(
        &self,
        since: Timestamp,
        name: &EnvironmentName,
        until: Instant,
    ) -> Result<EnvironmentRecord, StoreError> {
        let hash = self.hash(name.as_str());
        let environments = self.items_since::<EnvironmentRecord>(since, Items::Environments, &hash, until)?;
        let mut found = None;
        for record in environments.records {
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
        let parse = |body: &[u8]| number(&json(body)?).ok_or(Malformed("number"));
        let read = self.read("/v1/sync/secrets/count", until, parse);
        Ok(read.map_err(|failure| failure.of_read(READ))?.content)
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

fn read_profile(service: &Service, until: Instant) -> Result<Profile, Failure> {
    Ok(Profile::read(&service.get("/v1/profile", until)?.body)?)
}
