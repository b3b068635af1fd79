//! Sets up the credential stores for the conformance suites.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use keyway_conformance::credentials::{CredentialSubject, ScriptedTarget};
use keyway_core::Resources;
use keyway_credentials::{
    Account, Asset, Candidate, Changer, CredentialKind, Password, PrivateKey, Prober, TargetCredential,
};
use keyway_issuers::{
    CredentialPart, GrantAnswer, GrantQuestion, HostGrants, IntentId, IssuerError, ServiceName, UserInfo,
    async_trait,
};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    EnvironmentName, HostStores, ListQuery, NewEnvironment, NewSecret, OpenContext, SecretAddress,
    SecretName, SecretStore, SecretStores, StoreName,
};
use keyway_storage::{Memory, Storage};
use keyway_vaulted::{StoredAccount, TotpSeed};
use pollster::block_on;
use serde_json::json;

/// A private key of the kit, which opens nothing outside of the tests.
const KEY: &str =
    include_str!("../../../../crates/keyway-conformance/src/credentials/scripted/keys/ed25519.pem");

/// The state that all handles of a rule share: a secret store, a target, and the grants of a host.
struct Ground {
    secrets: Arc<dyn SecretStore>,
    target: ScriptedTarget,
    grants: Arc<Grants>,
}

static GROUNDS: LazyLock<Mutex<HashMap<PathBuf, Arc<Ground>>>> = LazyLock::new(Mutex::default);

fn ground(scratch: &Path) -> Arc<Ground> {
    let mut all = GROUNDS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(all.entry(scratch.to_owned()).or_insert_with(|| Arc::new(Ground::new())))
}

/// Sets up `vaulted`: accounts in a secret store in memory, at a target that accepts their credentials.
pub(crate) fn vaulted(subject: CredentialSubject) -> CredentialSubject {
    let certificates = json!({ "service": "ca", "issuer": "https://gate.example.com" });
    subject
        .configuration(move |_| json!({ "store": "vault", "rotation": {}, "certificates": certificates }))
        .lending(|resources, scratch| ground(scratch).lend(resources))
        .found("root", "web1")
        .found("backup", "web1")
        .found("deploy", "web1")
        .found_of(CredentialKind::Certificates, "root", "web1")
        .diverged("diverged", "web1")
        .held(|scratch| ground(scratch).leases())
}

impl Ground {
    fn new() -> Self {
        let ground = Self { secrets: secret_store(), target: ScriptedTarget::new(), grants: Arc::default() };
        let web1 = EnvironmentName::new("web1").expect("a name");
        block_on(ground.secrets.create_environment(NewEnvironment { name: web1, external_url: None }))
            .expect("an environment");
        let key = PrivateKey::new(KEY, None).expect("a key");
        for account in ["root", "backup", "deploy"] {
            let seed = TotpSeed::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").expect("a seed");
            let password = format!("the password of {account}");
            let stored = StoredAccount::new().with_password(password.as_str()).with_key(key.clone());
            ground.add(account, &stored.with_totp(seed).with_certificates());
            let candidate = candidate(account);
            ground.target.accept(&candidate, TargetCredential::Password(Password::new(password)));
            ground.target.accept(&candidate, TargetCredential::PrivateKey(key.clone()));
        }
        ground.add("diverged", &StoredAccount::new().with_password("that opens nothing"));
        ground
    }

    fn add(&self, account: &str, stored: &StoredAccount) {
        let name = SecretName::new(account).expect("a name");
        let address = SecretAddress::in_environment(name, EnvironmentName::new("web1").expect("a name"));
        block_on(self.secrets.create(NewSecret::new(address, stored.to_value()))).expect("a secret");
    }

    fn lend(&self, resources: Resources) -> Resources {
        let stores = BTreeMap::from([(StoreName::new("vault").expect("a name"), Arc::clone(&self.secrets))]);
        resources
            .with::<Arc<dyn HostStores>>(Arc::new(stores))
            .with::<Arc<dyn HostGrants>>(Arc::<Grants>::clone(&self.grants))
            .with::<Arc<dyn Changer>>(Arc::new(self.target.clone()))
            .with::<Arc<dyn Prober>>(Arc::new(self.target.clone()))
    }

    /// Lists the ids of the leases that the accounts hold.
    fn leases(&self) -> Vec<String> {
        let page = block_on(self.secrets.list(&ListQuery::all().with_values())).expect("the accounts");
        let accounts = page.secrets.iter().filter_map(|listed| listed.value.as_ref());
        let accounts = accounts.filter_map(|value| StoredAccount::read(value).ok());
        accounts
            .flat_map(|account| account.leases().map(|(id, ..)| id.to_string()).collect::<Vec<_>>())
            .collect()
    }
}

fn candidate(account: &str) -> Candidate {
    Candidate::new(Account::new(account).expect("a name"), Asset::new("web1").expect("a name"))
}

fn secret_store() -> Arc<dyn SecretStore> {
    let registry = crate::candidates::registry().expect("the plugins");
    let plugin = registry.get::<SecretStores>("generic").expect("it is linked");
    let keys = Key::generate().and_then(|key| KeyRing::new([key])).expect("a key");
    let lent = Resources::new().with::<Arc<dyn Storage>>(Arc::new(Memory::new()));
    let name = StoreName::new("vault").expect("a name");
    let context = OpenContext::new(name, plugin.metadata().clone(), keys).with_resources(lent);
    let store = plugin.open(&context).expect("a store");
    block_on(store.initialize()).expect("a new store");
    store
}

/// The grants of a host. Its service makes certificates that open nothing.
#[derive(Debug, Default)]
struct Grants(Mutex<Vec<IntentId>>);

#[async_trait]
impl HostGrants for Grants {
    async fn request(&self, question: GrantQuestion) -> Result<GrantAnswer, IssuerError> {
        let mut grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if grants.contains(&question.id) {
            return Ok(GrantAnswer::Repeated);
        }
        grants.push(question.id);
        let certificate = include_str!(
            "../../../../crates/keyway-conformance/src/credentials/scripted/keys/certificate.pub"
        );
        Ok(GrantAnswer::Made(vec![
            CredentialPart::text("certificate", certificate),
            CredentialPart::text("private key", KEY),
        ]))
    }

    async fn revoke(&self, _: &ServiceName, _: &UserInfo, id: &IntentId) -> Result<(), IssuerError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != id);
        Ok(())
    }
}
