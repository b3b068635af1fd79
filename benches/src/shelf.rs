//! A credential store that answers at once, and the sessions that are measured on it.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyway_core::{Registry, Timestamp};
use keyway_credentials::{
    Account, Asset, AssetGenerator, AssetRules, Candidate, CandidateQuestion, Candidates, Capabilities,
    CheckIn, CheckedIn, Connection, CredentialError, CredentialStore, CredentialStoreName, Fetch,
    FetchOutcome, Found, Lease, LeaseId, Password, Passwords, PrivateKeys, Rotation, SessionId, Verification,
    Verified, async_trait,
};
use keyway_host::sessions::{FetchRequest, Fetched, Isolation, Limits, NewSession, Session, Vault};
use keyway_host::{Host, HostBuilder};
use keyway_seal::{Key, KeyRing};
use keyway_storage::Storage;

use crate::areas::BenchError;

/// The name of the store's generator of assets.
const SHELVES: &str = "shelves";

/// A store with the same password at every asset, and without private keys.
#[derive(Debug, Default)]
pub struct Shelf {
    /// Computes the end of the lease with the given number; a result of `None` means that the lease does not end. The
    /// field is `None` for a store without leases.
    pub leases: Option<fn(u64) -> Option<Timestamp>>,
    /// The assets that the store lists. A store that lists assets has no password.
    pub assets: Vec<Asset>,
    /// The number of leases that the store has given.
    pub given: AtomicU64,
    /// The number of leases that were returned to the store.
    pub returned: AtomicU64,
}

impl Shelf {
    /// Returns a store with leases that do not end.
    pub fn with_leases() -> Self {
        Self { leases: Some(|_| None), ..Self::default() }
    }

    /// Sets the number of assets that the store lists.
    ///
    /// # Errors
    /// Never, because the names consist of digits.
    pub fn listing(self, assets: u32) -> Result<Self, BenchError> {
        let names = (0..assets).map(|number| Asset::new(format!("asset-{number}")));
        Ok(Self { assets: names.collect::<Result<_, _>>()?, ..self })
    }
}

#[async_trait]
impl CredentialStore for Shelf {
    fn capabilities(&self) -> Capabilities {
        let leases = self.leases.is_some();
        let declared = Capabilities::MINIMAL.passwords(true).private_keys(true).verifies(true).prompt(true);
        declared.leases(leases).idempotent(leases).own_assets(!self.assets.is_empty())
    }

    async fn private_keys(&self, _: &Fetch) -> Result<FetchOutcome<PrivateKeys>, CredentialError> {
        Ok(FetchOutcome::NotFound)
    }

    async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        if !self.assets.is_empty() {
            black_box(fetch);
            return Ok(FetchOutcome::NotFound);
        }
        let mut found = Found::new(Passwords::new(Password::new("not a real one")));
        if let Some(ends) = self.leases {
            let number = self.given.fetch_add(1, Ordering::Relaxed);
            let mut lease = Lease::new(LeaseId::new(format!("lease-{number}"))?);
            lease.expires_at = ends(number);
            found = found.with_lease(lease);
        }
        Ok(found.into())
    }

    async fn assets(&self, _: &CandidateQuestion) -> Result<Candidates<Asset>, CredentialError> {
        Ok(Candidates::new(self.assets.clone().into_iter()))
    }

    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        black_box(check_in);
        self.returned.fetch_add(1, Ordering::Relaxed);
        Ok(CheckedIn::new(Rotation::NotRotated))
    }

    async fn verify(&self, verification: &Verification) -> Result<Verified, CredentialError> {
        black_box(verification);
        Ok(Verified::Opens)
    }
}

/// A host with a [`Shelf`].
#[derive(Debug)]
pub struct Shelved {
    /// The host.
    pub host: Host,
    /// The store.
    pub store: Arc<Shelf>,
    name: CredentialStoreName,
}

impl Shelved {
    /// Starts a host, with the changes that `also` makes to its builder.
    ///
    /// # Errors
    /// Those of the host.
    pub async fn start(
        storage: Arc<dyn Storage>,
        keys: KeyRing,
        store: Shelf,
        also: impl FnOnce(HostBuilder) -> HostBuilder,
    ) -> Result<Self, BenchError> {
        let (name, store) = (CredentialStoreName::new("shelf")?, Arc::new(store));
        let mut vault = Vault::with_store(name.clone(), Arc::clone(&store) as Arc<_>);
        if !store.assets.is_empty() {
            let mut rules = AssetRules::default();
            rules.generators = vec![AssetGenerator::from_name(SHELVES)];
            vault = vault.assets(rules);
        }
        let builder = Host::builder(Registry::builder().build()?, storage, keys)
            .session_limits(Limits::default().with_isolation(Isolation::Inline))
            .vault(vault);
        Ok(Self { host: also(builder).start().await?, store, name })
    }

    /// Begins a session.
    ///
    /// # Errors
    /// Those of the host.
    pub fn begin(&self, connection: Connection) -> Result<Session, BenchError> {
        Ok(self.host.sessions().begin(NewSession::new(connection))?)
    }

    /// Fetches passwords.
    ///
    /// # Errors
    /// Those of the host.
    pub async fn passwords(&self, session: &Session) -> Result<Fetched<Passwords>, BenchError> {
        Ok(session.fetch(&self.name, FetchRequest::new()).await?)
    }

    /// Makes the four calls of a session that logs in.
    ///
    /// # Errors
    /// Those of the host, or the store has no password.
    pub async fn full_session(&self, connection: Connection) -> Result<(), BenchError> {
        let session = self.begin(connection)?;
        black_box(session.fetch::<PrivateKeys>(&self.name, FetchRequest::new()).await?);
        let found = self.passwords(&session).await?.found().ok_or("there is no password")?;
        black_box(found);
        let told = [session.authentication_completed().await?, session.end().await?];
        if told.iter().all(|settled| settled.failures.is_empty()) {
            Ok(())
        } else {
            Err("a call failed".into())
        }
    }

    /// Asks the store whether a password opens its target. The method makes one guarded call, and does nothing else.
    ///
    /// # Errors
    /// Those of the host.
    pub async fn verify(&self, candidate: &Candidate) -> Result<Verified, BenchError> {
        Ok(self.host.sessions().verify(&self.name, Verification::new(candidate.clone())).await?)
    }
}

/// Makes a key ring.
///
/// # Errors
/// When the operating system has no random bytes.
pub fn ring() -> Result<KeyRing, BenchError> {
    Ok(KeyRing::new([Key::generate()?])?)
}

/// Returns a connection with as many facts as the connection of the upstream SDK's benchmark.
///
/// # Errors
/// Never, because the id consists of a word and a number.
pub fn connection(session: u64) -> Result<Connection, BenchError> {
    let mut connection = Connection::new(SessionId::new(format!("session-{session}"))?);
    connection.protocol = Some("ssh".into());
    connection.client_ip = Some("192.0.2.9".into());
    connection.client_hostname = Some("laptop".into());
    connection.gateway_domain = Some("example.org".into());
    connection.gateway_username = Some("alice".into());
    connection.gateway_password = Some("not a real one".into());
    connection.gateway_groups = vec!["admins".into()];
    connection.server_domain = Some("example.com".into());
    connection.server_username = Some("root".into());
    connection.server_ip = Some("192.0.2.7".into());
    connection.server_port = Some(22);
    connection.server_hostname = Some("web1".into());
    Ok(connection)
}

/// Returns a candidate.
///
/// # Errors
/// Never, because the names are fixed.
pub fn candidate() -> Result<Candidate, BenchError> {
    Ok(Candidate::new(Account::new("root")?, Asset::new("web1")?))
}
