//! Measures sessions at a credential store that does nothing: a full session (private keys that are not found,
//! passwords, and two events), a search that finds nothing, and a guarded call, which is a part of every session and
//! search.

use std::hint::black_box;
use std::sync::Arc;

use keyway_core::Registry;
use keyway_credentials::{
    Account, Asset, AssetGenerator, AssetRules, Candidate, CandidateQuestion, Candidates, Capabilities,
    CheckIn, CheckedIn, Connection, CredentialError, CredentialStore, CredentialStoreName, Fetch,
    FetchOutcome, Found, Lease, LeaseId, Password, Passwords, PrivateKeys, Rotation, SessionId, Verification,
    Verified, async_trait,
};
use keyway_host::Host;
use keyway_host::sessions::{FetchRequest, Isolation, Limits, NewSession, Vault};
use keyway_storage::Memory;

use crate::{Failure, ring};

/// A store that has one password, and leases it if `leases` is set. If `assets` is not empty, the store lists these
/// assets and finds no password.
#[derive(Debug, Default)]
struct Idle {
    leases: bool,
    assets: Vec<Asset>,
}

#[async_trait]
impl CredentialStore for Idle {
    fn capabilities(&self) -> Capabilities {
        let offered = Capabilities::MINIMAL.passwords(true).private_keys(true).verifies(true);
        offered.leases(self.leases).idempotent(self.leases).own_assets(!self.assets.is_empty())
    }

    async fn assets(&self, _: &CandidateQuestion) -> Result<Candidates<Asset>, CredentialError> {
        Ok(Candidates::new(self.assets.clone().into_iter()))
    }

    async fn verify(&self, verification: &Verification) -> Result<Verified, CredentialError> {
        black_box(verification);
        Ok(Verified::Opens)
    }

    async fn private_keys(&self, _: &Fetch) -> Result<FetchOutcome<PrivateKeys>, CredentialError> {
        Ok(FetchOutcome::NotFound)
    }

    async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        if !self.assets.is_empty() {
            black_box(fetch);
            return Ok(FetchOutcome::NotFound);
        }
        let found = Found::new(Passwords::new(Password::new("correct horse")));
        if self.leases {
            Ok(found.with_lease(Lease::new(LeaseId::new("lease-1")?)).into())
        } else {
            Ok(found.into())
        }
    }

    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        black_box(check_in);
        Ok(CheckedIn::new(Rotation::NotRotated))
    }
}

pub(crate) fn with_leases(times: u32) -> Result<(), Failure> {
    sessions(times, true)
}

pub(crate) fn without_leases(times: u32) -> Result<(), Failure> {
    sessions(times, false)
}

/// The number of candidates of a search.
const CANDIDATES: u32 = 100;

/// Runs searches through a hundred candidates that have no credentials.
pub(crate) fn search(times: u32) -> Result<(), Failure> {
    let assets: Result<Vec<_>, _> =
        (0..CANDIDATES).map(|number| Asset::new(format!("asset-{number}"))).collect();
    let store = Idle { assets: assets?, ..Idle::default() };
    runtime()?.block_on(async {
        let (host, hall) = host(store).await?;
        let session = host.sessions().begin(NewSession::new(connection()?))?;
        for _ in 0..times {
            black_box(session.fetch::<Passwords>(&hall, FetchRequest::new()).await?);
        }
        Ok(())
    })
}

/// Makes a hundred calls of `verify`, `times` times. The host only guards these calls, and stores nothing for them.
pub(crate) fn guarded_calls(times: u32) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let (host, hall) = host(Idle::default()).await?;
        let candidate = Candidate::new(Account::new("root")?, Asset::new("web1")?);
        for _ in 0..times * CANDIDATES {
            black_box(host.sessions().verify(&hall, Verification::new(candidate.clone())).await?);
        }
        Ok(())
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_time().build()?)
}

async fn host(store: Idle) -> Result<(Host, CredentialStoreName), Failure> {
    let hall = CredentialStoreName::new("hall")?;
    let mut rules = AssetRules::default();
    if !store.assets.is_empty() {
        rules.generators = vec![AssetGenerator::from_name("shelves")];
    }
    let host = Host::builder(Registry::builder().build()?, Arc::new(Memory::new()), ring()?)
        .session_limits(Limits::default().with_isolation(Isolation::Inline))
        .vault(Vault::with_store(hall.clone(), Arc::new(store)).assets(rules))
        .start()
        .await?;
    Ok((host, hall))
}

fn connection() -> Result<Connection, Failure> {
    let mut connection = Connection::new(SessionId::new("session-1")?);
    connection.protocol = Some("ssh".into());
    connection.client_ip = Some("192.0.2.9".into());
    connection.client_hostname = Some("laptop".into());
    connection.gateway_domain = Some("example.org".into());
    connection.gateway_username = Some("alice".into());
    connection.gateway_password = Some("not a real one".into());
    connection.gateway_groups = vec!["admins".into()];
    connection.server_domain = Some("example.com".into());
    connection.server_username = Some("root".into());
    connection.server_hostname = Some("web1".into());
    connection.server_ip = Some("192.0.2.7".into());
    connection.server_port = Some(22);
    Ok(connection)
}

fn sessions(times: u32, leases: bool) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let (host, hall) = host(Idle { leases, ..Idle::default() }).await?;
        let connection = connection()?;
        for _ in 0..times {
            let session = host.sessions().begin(NewSession::new(connection.clone()))?;
            black_box(session.fetch::<PrivateKeys>(&hall, FetchRequest::new()).await?);
            let found = session.fetch::<Passwords>(&hall, FetchRequest::new()).await?;
            black_box(found.found().ok_or("no passwords")?);
            black_box(session.authentication_completed().await?);
            black_box(session.end().await?);
        }
        Ok(())
    })
}
