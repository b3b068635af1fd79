//! Opens the plugin over a secret store in memory, with a target that follows a script.
#![allow(dead_code)] // Each test program uses a part of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyway_conformance::credentials::ScriptedTarget;
use keyway_core::{Clock, Plugins, Resources, Timestamp, plugins};
use keyway_credentials::{
    Account, Asset, Candidate, Changer, CheckIn, CheckInReason, CheckedIn, Connection, CredentialError,
    CredentialStore, CredentialStoreName, CredentialStores, Fetch, FetchOutcome, Found, IntentId, Lease,
    OpenContext, Password, Passwords, Probed, Prober, SessionContext, SessionId, TargetCredential,
};
use keyway_issuers::{
    CredentialPart, GrantAnswer, GrantQuestion, HostGrants, IssuerError, ServiceName, UserInfo, async_trait,
};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    EnvironmentName, HostStores, NewEnvironment, NewSecret, SecretAddress, SecretName, SecretStore,
    SecretStores, StoreName,
};
use keyway_storage::{Memory, Storage};
use keyway_vaulted::StoredAccount;
use pollster::block_on;
use serde_json::{Value, json};

const PLUGINS: Plugins = plugins! { keyway_generic, keyway_vaulted };

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
pub(crate) struct HandClock(AtomicU64);

impl HandClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_milliseconds(self.0.load(Ordering::SeqCst))
    }
}

/// Everything around a credential store.
pub(crate) struct World {
    pub(crate) secrets: Arc<dyn SecretStore>,
    pub(crate) target: ScriptedTarget,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) grants: Arc<Grants>,
    configuration: Value,
}

/// The grants of a host, in memory, the failure of the next request for one, and a function that runs during the next
/// request.
#[derive(Debug, Default)]
pub(crate) struct Grants(
    pub(crate) Mutex<Vec<String>>,
    pub(crate) Mutex<Option<IssuerError>>,
    pub(crate) Mutex<Meanwhile>,
);

/// A function that runs once.
#[derive(Default)]
pub(crate) struct Meanwhile(pub(crate) Option<Box<dyn FnOnce() + Send>>);

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

#[async_trait]
impl HostGrants for Grants {
    async fn request(&self, question: GrantQuestion) -> Result<GrantAnswer, IssuerError> {
        if let Some(failure) = self.1.lock().unwrap().take() {
            return Err(failure);
        }
        let meanwhile = self.2.lock().unwrap().0.take();
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        let id = question.id.to_string();
        let mut grants = self.0.lock().unwrap();
        if grants.contains(&id) {
            return Ok(GrantAnswer::Repeated);
        }
        let name = question.user.text("preferred_username").unwrap().to_owned();
        let key = ssh_key::PrivateKey::random(&mut ssh_key::rand_core::OsRng, ssh_key::Algorithm::Ed25519);
        let pem = key.unwrap().to_openssh(ssh_key::LineEnding::LF).unwrap();
        grants.push(id.clone());
        Ok(GrantAnswer::Made(vec![
            CredentialPart::text("certificate", format!("ssh-ed25519-cert-v01@openssh.com AAAA {name} {id}")),
            CredentialPart::text("private key", pem.as_str()),
        ]))
    }

    async fn revoke(&self, _: &ServiceName, _: &UserInfo, id: &IntentId) -> Result<(), IssuerError> {
        self.0.lock().unwrap().retain(|known| known != id.as_str());
        Ok(())
    }
}

/// A prober that can only check private keys, like one that logs in with `ssh`.
#[derive(Debug)]
pub(crate) struct KeysOnly(pub(crate) ScriptedTarget);

#[async_trait]
impl Prober for KeysOnly {
    async fn probe(
        &self,
        candidate: &Candidate,
        credential: &TargetCredential,
    ) -> Result<Probed, CredentialError> {
        match credential {
            TargetCredential::PrivateKey(_) => self.0.probe(candidate, credential).await,
            _ => Err(CredentialError::Unsupported { what: "logins with anything but private keys" }),
        }
    }

    fn takes(&self, credential: &TargetCredential) -> bool {
        matches!(credential, TargetCredential::PrivateKey(_))
    }
}

impl World {
    /// Makes a store with one environment, `web1`, and one account, `root`, whose password the target accepts.
    pub(crate) fn new(configuration: &Value) -> Self {
        let mut all = json!({ "store": "vault" });
        all.as_object_mut().unwrap().extend(configuration.as_object().unwrap().clone());
        let secrets = secret_store();
        let environment = NewEnvironment { name: EnvironmentName::new("web1").unwrap(), external_url: None };
        block_on(secrets.create_environment(environment)).unwrap();
        let world = Self {
            secrets,
            target: ScriptedTarget::new(),
            clock: Arc::default(),
            grants: Arc::default(),
            configuration: all,
        };
        world.add("root", &StoredAccount::new().with_password("p0"));
        world.target.accept(&root(), password("p0"));
        world
    }

    /// Adds an account at `web1`.
    pub(crate) fn add(&self, account: &str, stored: &StoredAccount) {
        block_on(self.secrets.create(NewSecret::new(address(account), stored.to_value()))).unwrap();
    }

    /// Returns an account as the secret store has it.
    pub(crate) fn stored(&self, account: &str) -> StoredAccount {
        StoredAccount::read(&block_on(self.secrets.get(&address(account))).unwrap().value).unwrap()
    }

    /// Opens the credential store, as after a restart.
    pub(crate) fn open(&self) -> Arc<dyn CredentialStore> {
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<Arc<dyn CredentialStore>, CredentialError> {
        self.open_probed(Arc::new(self.target.clone()))
    }

    /// Opens the credential store with a prober of the test.
    pub(crate) fn open_probed(
        &self,
        prober: Arc<dyn Prober>,
    ) -> Result<Arc<dyn CredentialStore>, CredentialError> {
        let stores = BTreeMap::from([(StoreName::new("vault").unwrap(), Arc::clone(&self.secrets))]);
        let lent = Resources::new()
            .with::<Arc<dyn HostStores>>(Arc::new(stores))
            .with::<Arc<dyn HostGrants>>(Arc::<Grants>::clone(&self.grants))
            .with::<Arc<dyn Changer>>(Arc::new(self.target.clone()))
            .with::<Arc<dyn Prober>>(prober);
        open_with(&self.configuration, lent, Arc::<HandClock>::clone(&self.clock))
    }
}

/// Opens the plugin with the resources of a host.
pub(crate) fn open_with(
    configuration: &Value,
    lent: Resources,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn CredentialStore>, CredentialError> {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<CredentialStores>("vaulted").unwrap();
    let context = OpenContext::new(CredentialStoreName::new("accounts").unwrap(), plugin.metadata().clone())
        .with_configuration(configuration.clone())
        .with_resources(lent)
        .with_clock(clock);
    plugin.open(&context)
}

/// Makes a secret store in memory.
pub(crate) fn secret_store() -> Arc<dyn SecretStore> {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<SecretStores>("generic").unwrap();
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let name = StoreName::new("vault").unwrap();
    let lent = Resources::new().with::<Arc<dyn Storage>>(Arc::new(Memory::new()));
    let context =
        keyway_secrets::OpenContext::new(name, plugin.metadata().clone(), keys).with_resources(lent);
    let store = plugin.open(&context).unwrap();
    block_on(store.initialize()).unwrap();
    store
}

pub(crate) fn address(account: &str) -> SecretAddress {
    SecretAddress::in_environment(SecretName::new(account).unwrap(), EnvironmentName::new("web1").unwrap())
}

pub(crate) fn candidate(account: &str) -> Candidate {
    Candidate::new(Account::new(account).unwrap(), Asset::new("web1").unwrap())
}

pub(crate) fn root() -> Candidate {
    candidate("root")
}

pub(crate) fn password(text: &str) -> TargetCredential {
    TargetCredential::Password(Password::new(text))
}

pub(crate) fn fetch(account: &str, intent: &str, session: &str) -> Fetch {
    let session = SessionContext::new(Connection::new(SessionId::new(session).unwrap()));
    Fetch::new(candidate(account), session).with_intent(IntentId::new(intent).unwrap())
}

/// Checks the password of `root` out.
pub(crate) fn check_out(store: &dyn CredentialStore, intent: &str, session: &str) -> FetchOutcome<Passwords> {
    block_on(store.passwords(&fetch("root", intent, session))).unwrap()
}

pub(crate) fn found<T: std::fmt::Debug>(outcome: FetchOutcome<T>) -> (T, Lease) {
    match outcome {
        FetchOutcome::Found(Found { credentials, lease, .. }) => (credentials, lease.unwrap()),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn check_in(
    store: &dyn CredentialStore,
    account: &str,
    lease: &Lease,
) -> Result<CheckedIn, CredentialError> {
    let intent = IntentId::new(format!("return-{}", lease.id)).unwrap();
    let session = SessionContext::new(Connection::new(SessionId::new("any").unwrap()));
    block_on(store.check_in(&CheckIn::new(
        intent,
        lease.clone(),
        candidate(account),
        session,
        CheckInReason::Used,
    )))
}
