//! Shows accounts in a secret store of the host. A session gets a password. When the session returns this password, the
//! server gets a new one.

use std::sync::Arc;
use std::time::Duration;

use keyway::credentials::{
    Account, Asset, Candidate, Changer, Connection, CredentialStoreName, Password, Passwords, Prober,
    SessionId, TargetCredential,
};
use keyway::seal::KeyRing;
use keyway::secrets::{
    EnvironmentName, NewEnvironment, NewSecret, SecretAddress, SecretName, SecretStore as _, StoreName,
};
use keyway::sessions::{FetchRequest, NewSession, Session, Vault};
use keyway::storage::Storage;
use keyway::{Host, Resources};
use keyway_conformance::credentials::ScriptedTarget;
use keyway_vaulted::StoredAccount;
use serde_json::json;

use crate::report::{Failure, Report};

pub(crate) async fn show(
    report: &mut Report,
    storage: &Arc<dyn Storage>,
    keys: &KeyRing,
    secrets: &mut Vec<String>,
) -> Result<(), Failure> {
    report.step("Accounts in a secret store, with rotation");
    // A real host passes plugins the means to reach its servers, for example `authorized_keys` files and a login by
    // `ssh`.
    let target = ScriptedTarget::new();
    let lent = Resources::new()
        .with::<Arc<dyn Changer>>(Arc::new(target.clone()))
        .with::<Arc<dyn Prober>>(Arc::new(target.clone()));
    let servers = CredentialStoreName::new("servers")?;
    let vault = Vault::new(servers.clone(), "vaulted")
        .plugin_configuration(json!({ "store": "accounts", "rotation": { "password_length": 24 } }));
    let host = Host::builder(crate::PLUGINS.registry()?, Arc::clone(storage), keys.clone())
        .name("rotation")
        .takeover_after(Duration::ZERO)
        .resources(lent)
        .vault(vault)
        .start()
        .await?;

    // An operator adds the account `root` of the server `web1`.
    let accounts = host.stores().create(&StoreName::new("accounts")?, "generic", json!({}), keys).await?;
    let web1 = EnvironmentName::new("web1")?;
    accounts.create_environment(NewEnvironment { name: web1.clone(), external_url: None }).await?;
    let address = SecretAddress::in_environment(SecretName::new("root")?, web1);
    let account = StoredAccount::new().with_password("correct horse").to_value();
    accounts.create(NewSecret::new(address.clone(), account)).await?;
    let root = Candidate::new(Account::new("root")?, Asset::new("web1")?);
    let old = TargetCredential::Password(Password::new("correct horse"));
    target.accept(&root, old.clone());

    let begin = |id: &str| -> Result<Session, Failure> {
        let mut connection = Connection::new(SessionId::new(id)?);
        connection.server_username = Some("root".into());
        connection.server_hostname = Some("web1".into());
        Ok(host.sessions().begin(NewSession::new(connection))?)
    };
    let session = begin("first")?;
    let found = session.fetch::<Passwords>(&servers, FetchRequest::new()).await?.found();
    report.check(
        found.is_some_and(|found| {
            target.accepts(&root, &TargetCredential::Password(found.credentials.first().clone()))
        }),
        "a session gets the password that the server accepts",
    );
    session.authentication_completed().await?;
    session.end().await?;
    let stored = StoredAccount::read(&accounts.get(&address).await?.value)?;
    let new = stored.password().map(TargetCredential::Password);
    secrets.extend(stored.password().map(|password| password.expose().to_owned()));
    report.check(
        !target.accepts(&root, &old) && new.is_some_and(|new| target.accepts(&root, &new)),
        "when it comes back, the server has another password, and the secret store too",
    );
    let session = begin("second")?;
    let found = session.fetch::<Passwords>(&servers, FetchRequest::new()).await?.found();
    report.check(
        found.is_some_and(|found| Some(found.credentials.first()) == stored.password().as_ref()),
        "the next session gets the new one",
    );
    session.end().await?;
    host.close().await?;
    Ok(())
}
