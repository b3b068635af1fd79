//! The store: connects at the first operation, and keeps the connection.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use keyway_client::{Credentials, CredentialsError};
use keyway_core::{Clock, ErrorKind, PluginError as _, PluginMetadata, Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    AcceptedAge, Capabilities, Configure, Count, Cursor, Environment, EnvironmentChange, EnvironmentName,
    EnvironmentPage, ListQuery, NewEnvironment, NewSecret, OpenContext, RotationListener, Secret,
    SecretAddress, SecretChange, SecretHeader, SecretPage, SecretRevision, SecretStore, StoreError,
    StoreInfo,
};

use crate::configuration::LockerConfiguration;
use crate::service::Service;
use crate::session::{ProfileFrom, Session};
use crate::{environments, listing, writing};

/// A project of the service, as a secret store.
pub(crate) struct LockerStore {
    configuration: LockerConfiguration,
    /// The credentials that the host passed, if it passed any. Otherwise they are read from the environment or a file.
    lent: Option<Credentials>,
    metadata: PluginMetadata,
    /// The path of the cache file, if the configuration has a cache folder.
    kept_file: Option<PathBuf>,
    /// The maximum age of a cached answer that the host accepts.
    accepted: Duration,
    clock: Arc<dyn Clock>,
    /// The id of the process that opened the store.
    process: u32,
    session: Mutex<Option<Arc<Session>>>,
    /// The number of successful reads of secrets, and the number of successful writes, through this handle. The service
    /// does not count them.
    reads: AtomicU64,
    writes: AtomicU64,
}

impl LockerStore {
    pub(crate) fn new(context: &OpenContext) -> Result<Self, StoreError> {
        let configuration = LockerConfiguration::read(&context.configuration)?;
        Ok(Self {
            kept_file: configuration.kept_file(&context.store)?,
            configuration,
            lent: context.resources.get::<Credentials>().cloned(),
            metadata: context.metadata.clone(),
            accepted: context.resources.get::<AcceptedAge>().map_or(Duration::MAX, |accepted| accepted.0),
            clock: Arc::clone(&context.clock),
            process: std::process::id(),
            session: Mutex::default(),
            reads: AtomicU64::default(),
            writes: AtomicU64::default(),
        })
    }

    /// Runs an operation that reads.
    fn run<T>(
        &self,
        operation: impl FnOnce(&Session, Instant) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.check_process()?;
        let until = self.deadline(Instant::now());
        self.run_in(&self.session(until)?, until, |session| operation(session, until))
    }

    /// Returns the time at which an operation that begins now must end.
    fn deadline(&self, now: Instant) -> Instant {
        now + Duration::from_secs(self.configuration.call_seconds.into())
    }

    /// Runs an operation in a session. If the service does not accept the credentials, the next operation reads them
    /// again. If an item cannot be decrypted and the key of the project has changed, the next operation opens the
    /// project again.
    fn run_in<T>(
        &self,
        session: &Arc<Session>,
        until: Instant,
        operation: impl FnOnce(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let answer = operation(session);
        session.cache.save();
        if let Err(StoreError::System { source, .. }) = &answer
            && let Some(remote) = source.downcast_ref::<keyway_client::RemoteError>()
            && remote.kind() == ErrorKind::Unauthorized
        {
            self.close(session);
        }
        if let Err(StoreError::Corrupt { .. }) = &answer
            && matches!(session.has_current_key(Instant::now(), until), Ok(false))
        {
            session.cache.forget_profile();
            self.close(session);
        }
        answer
    }

    /// Closes a session, unless another call has already replaced it.
    fn close(&self, session: &Arc<Session>) {
        self.kept().take_if(|kept| Arc::ptr_eq(kept, session));
    }

    /// Refuses to work in a process that was forked after the store was opened.
    ///
    /// Such a process has the connections of the process that opened the store, and perhaps locks that no thread will
    /// ever release. So this method takes no lock (decision H284).
    fn check_process(&self) -> Result<(), StoreError> {
        if std::process::id() == self.process {
            return Ok(());
        }
        let reason =
            "it was opened by the process that this one was forked from: open it again in this process";
        Err(StoreError::not_ready("the store", reason))
    }

    /// Runs an operation that reads secrets, and counts it.
    fn read<T>(
        &self,
        operation: impl FnOnce(&Session, Instant) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let answer = self.run(operation)?;
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(answer)
    }

    /// Runs an operation that writes a secret or an environment, and counts it if it succeeds.
    ///
    /// The session may have the profile from a time before the project got another key, and nothing that is encrypted
    /// with the old key can be read later. So the service is asked for the profile before every write (decision H339).
    /// If it does not answer, nothing is sent, and the kept answers stay.
    fn write<T>(
        &self,
        operation: impl FnOnce(&Session, &Service, Instant) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.check_process()?;
        let begun = Instant::now();
        let until = self.deadline(begun);
        let mut session = self.session(until)?;
        if !self.run_in(&session, until, |session| session.has_current_key(begun, until))? {
            session.cache.forget_profile();
            session = Arc::new(self.opened(ProfileFrom::Service, until)?);
            *self.kept() = Some(Arc::clone(&session));
        }
        let answer = self.run_in(&session, until, |session| {
            let answer = session.writing(|service| operation(session, service, until));
            // Another call may have replaced the session meanwhile, and kept answers from before the write in the new
            // one.
            let current = self.kept().clone();
            if let Some(current) = current.filter(|current| !std::ptr::eq(Arc::as_ptr(current), session)) {
                current.forget_after_write();
            }
            answer
        })?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        Ok(answer)
    }

    /// Returns the session, and connects first if there is none. Several callers may connect at the same time. All of
    /// them work with the session of the first one, because a write must drop the kept answers of all.
    fn session(&self, until: Instant) -> Result<Arc<Session>, StoreError> {
        if let Some(session) = &*self.kept() {
            return Ok(Arc::clone(session));
        }
        let session = self.opened(ProfileFrom::Cache, until)?;
        Ok(Arc::clone(self.kept().get_or_insert(Arc::new(session))))
    }

    /// Connects.
    fn opened(&self, from: ProfileFrom, until: Instant) -> Result<Session, StoreError> {
        let (credentials, kept) = (self.credentials()?, self.kept_file.as_deref());
        Session::open(&self.configuration, &credentials, kept, self.accepted, &self.clock, from, until)
    }

    /// Finds the credentials (decision L7).
    fn credentials(&self) -> Result<Credentials, StoreError> {
        let found = match (&self.lent, &self.configuration.credentials_file) {
            (Some(lent), _) => Ok(lent.clone()),
            (None, Some(file)) => Credentials::source().file(file).resolve(),
            (None, None) => Credentials::source().process_environment().home_file().resolve(),
        };
        let checked = found.and_then(Credentials::checked);
        checked.map_err(|error| {
            let remedy = match (error, &self.configuration.credentials_file) {
                // The usual message names variables, which are not read here.
                (CredentialsError::Missing { field, .. }, Some(file)) => {
                    format!("the {field} is missing: write it to {}", file.display())
                }
                (error, _) => error.detail(),
            };
            StoreError::not_ready("the credentials for the service", remedy)
        })
    }

    fn kept(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LockerStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockerStore").field("configuration", &self.configuration).finish_non_exhaustive()
    }
}

/// Makes the error for an operation that Locker's service does not have (decision C16).
fn absent<T>(what: &'static str) -> Result<T, StoreError> {
    Err(StoreError::Unsupported { what })
}

#[async_trait]
impl SecretStore for LockerStore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::MINIMAL
            .blocking()
            .destroys(false)
            .rotates(false)
            .configures(false)
            .deletable(false)
            .tracks_writer(false)
            .stale_for(Duration::from_secs(self.configuration.max_age_seconds.into()).min(self.accepted));
        capabilities.environments = true;
        capabilities.descriptions = true;
        capabilities.dates = true;
        capabilities
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        absent("the last writer of the data")
    }

    /// Reads the profile, and answers that the store exists already, because a project with an access key exists.
    async fn initialize(&self) -> Result<(), StoreError> {
        self.run(|_, _| Err(StoreError::AlreadyInitialized))
    }

    async fn rotate(&self, _: &KeyRing, _: &dyn RotationListener) -> Result<(), StoreError> {
        absent("rotation of its keys")
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        writing::check_new(&secret)?;
        self.write(|session, service, until| writing::create(session, service, secret, until))
    }

    async fn destroy(&self, _: &SecretAddress, _: Option<SecretRevision>) -> Result<(), StoreError> {
        absent("destruction of secrets")
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        self.read(|session, until| {
            let found = session.find_secret(address, until).and_then(|found| found.secret(&session.key));
            session.checked(&session.hash(address.name.as_str()), found)
        })
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        writing::check_change(&change)?;
        self.write(|session, service, until| writing::modify(session, service, address, change, until))
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.read(|session, until| session.checked("", listing::secrets(session, query, until)))
    }

    async fn configure(&self, _: Configure) -> Result<Table, StoreError> {
        absent("settings")
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        let count = self.run(Session::count)?;
        Ok(StoreInfo::new(self.metadata.clone(), None, Count::exact(count))
            .with_counters(self.reads.load(Ordering::Relaxed), self.writes.load(Ordering::Relaxed)))
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        absent("deletion of the store")
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        self.run(|session, until| session.checked("", listing::environments(session, after, limit, until)))
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        self.run(|session, until| {
            let found = session.find_environment(name, until);
            let found = found.and_then(|found| found.environment(&session.key));
            session.checked(&session.hash(name.as_str()), found)
        })
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        environments::check_url(environment.external_url.as_deref())?;
        self.write(|session, service, until| environments::create(session, service, &environment, until))
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        environments::check_url(change.external_url.as_deref())?;
        self.write(|session, service, until| environments::modify(session, service, name, &change, until))
    }
}
