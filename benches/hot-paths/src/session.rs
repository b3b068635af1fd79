//! Measures a full session at a credential store that does nothing: no private keys, passwords, and its two events.

use std::hint::black_box;
use std::sync::Arc;

use keyway_core::Registry;
use keyway_credentials::{
    Capabilities, CheckIn, CheckedIn, Connection, CredentialError, CredentialStore, CredentialStoreName,
    Fetch, FetchOutcome, Found, Lease, LeaseId, Password, Passwords, PrivateKeys, Rotation, SessionId,
    async_trait,
};
use keyway_host::Host;
use keyway_host::sessions::{FetchRequest, Isolation, Limits, NewSession, Vault};
use keyway_storage::Memory;

use crate::{Failure, ring};

/// A store with one password, with or without leases.
#[derive(Debug)]
struct Idle {
    leases: bool,
}

#[async_trait]
impl CredentialStore for Idle {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.passwords(true).private_keys(true).leases(self.leases).idempotent(self.leases)
    }

    async fn private_keys(&self, _: &Fetch) -> Result<FetchOutcome<PrivateKeys>, CredentialError> {
        Ok(FetchOutcome::NotFound)
    }

    async fn passwords(&self, _: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
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

fn sessions(times: u32, leases: bool) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let hall = CredentialStoreName::new("hall")?;
        let host = Host::builder(Registry::builder().build()?, Arc::new(Memory::new()), ring()?)
            .session_limits(Limits::default().with_isolation(Isolation::Inline))
            .vault(Vault::with_store(hall.clone(), Arc::new(Idle { leases })))
            .start()
            .await?;
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
