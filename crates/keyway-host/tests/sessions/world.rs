//! Provides hosts with scripted credential stores.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyway_conformance::credentials::{ScriptedStore, StoreCall};
use keyway_core::Registry;
use keyway_credentials::{
    Capabilities, Connection, CredentialStore, CredentialStoreName, Passwords, SessionId,
};
use keyway_host::sessions::{
    FetchRequest, Fetched, FoundCredentials, Isolation, Limits, NewSession, Retries, Session, SessionsError,
    Transition, Vault,
};
use keyway_host::{Host, HostBuilder, WorkReport};
use keyway_seal::KeyRing;
use keyway_storage::Storage;

pub(crate) use crate::ground::*;

pub(crate) fn hall() -> CredentialStoreName {
    CredentialStoreName::new("hall").unwrap()
}

/// Returns the capabilities of a store that has neither its own accounts nor its own assets, so that the host chooses
/// the candidates.
pub(crate) fn plain() -> Capabilities {
    ScriptedStore::CAPABILITIES.own_accounts(false).own_assets(false)
}

/// Returns the capabilities of a store that is neither idempotent nor able to reconcile.
pub(crate) fn forgetful() -> Capabilities {
    plain().idempotent(false).reconciles(false)
}

/// Returns a store with the account `root` at every asset.
pub(crate) fn store(clock: &Arc<TestClock>) -> ScriptedStore {
    ScriptedStore::new()
        .with_account("root")
        .with_capabilities(plain())
        .with_clock(Arc::clone(clock) as Arc<_>)
}

/// Returns the connection of a session of the user `joe` at the account `root`.
pub(crate) fn connection(session: &str) -> Connection {
    let mut connection = Connection::new(SessionId::new(session).unwrap());
    connection.protocol = Some("ssh".into());
    connection.gateway_username = Some("joe".into());
    connection.gateway_password = Some("n33dle-login".into());
    connection.server_username = Some("root".into());
    connection.server_hostname = Some("web1".into());
    connection.server_ip = Some("192.0.2.7".into());
    connection
}

pub(crate) fn limits() -> Limits {
    let retries = Retries::default().with_first(Duration::from_secs(1)).with_attempts(4);
    Limits::default()
        .with_deadline(Duration::from_secs(20))
        .with_isolation(Isolation::Inline)
        .with_retries(retries)
}

pub(crate) fn vault(store: &ScriptedStore) -> Vault {
    vault_of(Arc::new(store.clone()))
}

pub(crate) fn vault_of(store: Arc<dyn CredentialStore>) -> Vault {
    Vault::with_store(hall(), store).busy_wait(Duration::ZERO)
}

pub(crate) fn builder(storage: &Arc<dyn Storage>, keys: &KeyRing, clock: &Arc<TestClock>) -> HostBuilder {
    let registry = Registry::builder().build().unwrap();
    Host::builder(registry, Arc::clone(storage), keys.clone())
        .name("a")
        .takeover_after(Duration::ZERO)
        .clock(Arc::clone(clock) as Arc<_>)
        .session_limits(limits())
}

/// A host, with a clock that tests set, and the lines of its audit.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) audit: Arc<Mutex<Vec<String>>>,
}

impl std::ops::Deref for World {
    type Target = keyway_host::sessions::Sessions;

    fn deref(&self) -> &Self::Target {
        self.host.sessions()
    }
}

/// Starts a host with one vault.
pub(crate) async fn start(vault: Vault, clock: &Arc<TestClock>) -> World {
    World::start(builder(&memory(), &ring(), clock).vault(vault), clock).await
}

impl World {
    pub(crate) async fn start(builder: HostBuilder, clock: &Arc<TestClock>) -> Self {
        let audit: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&audit);
        let builder = builder.session_audit(move |transition: &Transition<'_>| {
            lines.lock().unwrap().push(transition.to_string());
        });
        Self { host: builder.start().await.unwrap(), clock: Arc::clone(clock), audit }
    }

    pub(crate) fn session(&self, id: &str) -> Session {
        self.begin(NewSession::new(connection(id))).unwrap()
    }

    /// Advances the clock by `time`, and does all work that is due then.
    pub(crate) async fn pass(&self, time: Duration) -> Vec<WorkReport> {
        pass(&self.host, &self.clock, time).await
    }
}

pub(crate) async fn passwords(session: &Session) -> Result<Fetched<Passwords>, SessionsError> {
    session.fetch(&hall(), FetchRequest::new()).await
}

pub(crate) async fn found(session: &Session) -> FoundCredentials<Passwords> {
    passwords(session).await.unwrap().found().expect("there are passwords")
}

/// Returns the reasons of the check-ins that had an effect.
pub(crate) fn returned(store: &ScriptedStore) -> Vec<String> {
    let effects = store.effects().into_iter().filter(|effect| effect.call == StoreCall::CheckIn);
    effects.map(|effect| effect.reason.unwrap()).collect()
}
