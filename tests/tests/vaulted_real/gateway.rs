//! A host with one vault, whose accounts are in a secret store in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keyway_core::{Plugins, Resources, plugins};
use keyway_credentials::{Connection, CredentialStoreName, Json, SessionId};
use keyway_host::grants::Service;
use keyway_host::sessions::{CredentialType, FetchRequest, NewSession, Session, Settled, Vault};
use keyway_host::stores::HostedStore;
use keyway_host::{Host, HostBuilder};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    EnvironmentName, NewEnvironment, NewSecret, SecretAddress, SecretName, SecretStore as _, StoreName,
};
use keyway_storage::Memory;
use keyway_vaulted::StoredAccount;
use serde_json::json;

const PLUGINS: Plugins = plugins! { keyway_generic, keyway_ssh, keyway_vaulted };

/// The asset of all accounts.
pub(crate) const ASSET: &str = "web1";
/// The name of the secret store, for the configuration of the vault.
pub(crate) const STORE: &str = "accounts";

/// A host whose sessions check out the credentials of one account.
pub(crate) struct Gateway {
    host: Host,
    accounts: HostedStore,
    address: SecretAddress,
    sessions: AtomicU32,
}

impl Gateway {
    pub(crate) async fn start(
        account: &str,
        stored: &StoredAccount,
        configuration: impl Into<Json>,
        resources: Resources,
        service: Option<Service>,
    ) -> Self {
        let keys = KeyRing::new([Key::generate().expect("a key")]).expect("a ring");
        let registry = PLUGINS.registry().expect("the plugins fit");
        let vault = Vault::new(vault(), "vaulted").plugin_configuration(configuration);
        let builder = Host::builder(registry, Arc::new(Memory::new()), keys.clone());
        let builder = builder.resources(resources).vault(vault);
        let builder = service.into_iter().fold(builder, HostBuilder::service);
        let host = builder.start().await.expect("the host starts");

        let name = StoreName::new(STORE).expect("a name");
        let accounts = host.stores().create(&name, "generic", json!({}), &keys).await.expect("a store");
        let environment = EnvironmentName::new(ASSET).expect("a name");
        let made = NewEnvironment { name: environment.clone(), external_url: None };
        accounts.create_environment(made).await.expect("an environment");
        let address = SecretAddress::in_environment(SecretName::new(account).expect("a name"), environment);
        accounts.create(NewSecret::new(address.clone(), stored.to_value())).await.expect("an account");
        Self { host, accounts, address, sessions: AtomicU32::new(0) }
    }

    /// Begins a session of a user who wants to use the account.
    pub(crate) fn begin(&self) -> Session {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        let mut connection = Connection::new(SessionId::new(format!("session-{number}")).expect("an id"));
        connection.server_username = Some(self.address.name.as_str().into());
        connection.server_hostname = Some(ASSET.into());
        self.host.sessions().begin(NewSession::new(connection)).expect("a session")
    }

    /// Fetches credentials of a kind.
    pub(crate) async fn fetch<C: CredentialType + std::fmt::Debug>(&self, session: &Session) -> C {
        let fetched = session.fetch::<C>(&vault(), FetchRequest::new()).await.expect("an answer");
        let shown = format!("{fetched:?}");
        fetched.found().unwrap_or_else(|| panic!("there are no credentials: {shown}")).credentials
    }

    /// Reports a completed authentication for a session, and ends the session.
    pub(crate) async fn complete(&self, session: Session) {
        for settled in [session.authentication_completed().await, session.end().await] {
            let Settled { failures, .. } = settled.expect("it is recorded");
            assert!(failures.is_empty(), "{failures:?}");
        }
    }

    /// Reads the account as the secret store has it.
    pub(crate) async fn stored(&self) -> StoredAccount {
        let secret = self.accounts.get(&self.address).await.expect("the account is there");
        StoredAccount::read(&secret.value).expect("it is an account")
    }
}

fn vault() -> CredentialStoreName {
    CredentialStoreName::new("vault").expect("a name")
}
