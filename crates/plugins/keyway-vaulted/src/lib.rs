//! A credential store over any secret store of the host: exclusive check-outs with leases, rotation at the target,
//! one-time codes, and short-lived certificates.
//!
//! The plugin `vaulted` ([`VaultedPlugin`]) keeps each account as one secret. The environments of the secret store are
//! the assets, and the names in them the accounts. So the accounts of a host need no other database, and share the
//! encryption, the backups and the tools of its secrets.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use keyway_conformance::credentials::ScriptedTarget;
//! use keyway_credentials::core::{Plugins, Resources, plugins};
//! use keyway_credentials::{
//!     Account, Asset, Candidate, Changer, CheckIn, CheckInReason, Connection, CredentialStoreName, CredentialStores,
//!     Fetch, FetchOutcome, IntentId, OpenContext, Password, Prober, Rotation, SessionContext, SessionId,
//!     TargetCredential,
//! };
//! use keyway_secrets::{EnvironmentName, HostStores, NewEnvironment, NewSecret, SecretAddress, SecretName, StoreName};
//! use keyway_vaulted::StoredAccount;
//! # use keyway_seal::{Key, KeyRing};
//! # use keyway_secrets::SecretStores;
//! # use keyway_storage::{Memory, Storage};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # pollster::block_on(async {
//! const PLUGINS: Plugins = plugins! { keyway_generic, keyway_vaulted };
//! let registry = PLUGINS.registry()?;
//! # let generic = registry.get::<SecretStores>("generic")?;
//! # let keys = KeyRing::new([Key::generate()?])?;
//! # let lent = Resources::new().with::<Arc<dyn Storage>>(Arc::new(Memory::new()));
//! # let name = StoreName::new("accounts")?;
//! # let context = keyway_secrets::OpenContext::new(name, generic.metadata().clone(), keys).with_resources(lent);
//! # let secrets = generic.open(&context)?;
//! # secrets.initialize().await?;
//!
//! // An operator adds the account `root` of the server `web1` to a secret store.
//! let web1 = EnvironmentName::new("web1")?;
//! secrets.create_environment(NewEnvironment { name: web1.clone(), external_url: None }).await?;
//! let root = SecretAddress::in_environment(SecretName::new("root")?, web1);
//! let account = StoredAccount::new().with_password("correct horse");
//! secrets.create(NewSecret::new(root.clone(), account.to_value())).await?;
//!
//! // The host lends its stores by itself. The operator's program lends the way to the targets.
//! let target = ScriptedTarget::new();
//! let at_web1 = Candidate::new(Account::new("root")?, Asset::new("web1")?);
//! target.accept(&at_web1, TargetCredential::Password(Password::new("correct horse")));
//! let stores = BTreeMap::from([(StoreName::new("accounts")?, secrets.clone())]);
//! let lent = Resources::new()
//!     .with::<Arc<dyn HostStores>>(Arc::new(stores))
//!     .with::<Arc<dyn Changer>>(Arc::new(target.clone()))
//!     .with::<Arc<dyn Prober>>(Arc::new(target.clone()));
//! let plugin = registry.get::<CredentialStores>("vaulted")?;
//! let context = OpenContext::new(CredentialStoreName::new("servers")?, plugin.metadata().clone())
//!     .with_configuration(serde_json::json!({ "store": "accounts", "rotation": { "password_length": 24 } }))
//!     .with_resources(lent);
//! let store = plugin.open(&context)?;
//!
//! // Checks the password out to one session exclusively. In a host, an engine does this.
//! let session = SessionContext::new(Connection::new(SessionId::new("session-1")?));
//! let intent = IntentId::new("fetch-1").unwrap();
//! let fetch = Fetch::new(at_web1.clone(), session.clone()).with_intent(intent);
//! let FetchOutcome::Found(found) = store.passwords(&fetch).await? else { panic!() };
//! assert_eq!(found.credentials.first().expose(), "correct horse");
//!
//! // When it comes back, the server gets another password.
//! let intent = IntentId::new("check-in-1").unwrap();
//! let check_in = CheckIn::new(intent, found.lease.unwrap(), at_web1.clone(), session, CheckInReason::Used);
//! assert_eq!(store.check_in(&check_in).await?.rotation, Rotation::Rotated);
//! let stored = StoredAccount::read(&secrets.get(&root).await?.value)?;
//! assert!(target.accepts(&at_web1, &TargetCredential::Password(stored.password().unwrap())));
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # What a secret store needs
//!
//! | the secret store has | so the plugin can |
//! | --- | --- |
//! | environments | keep accounts for each asset; without them it refuses the store |
//! | versions, and reads that show every write at once (decision C16) | give an account to one session at a time, rotate, and hand a one-time code out once |
//!
//! If the store lacks the features in the second row, set `exclusive` to false. Then sessions only read, and there are
//! no leases.
//!
//! # In a host
//!
//! A host passes its secret stores to the plugin by itself, and checks in what a session has checked out. The program
//! that embeds the host passes only the access to the targets: [`targets`](#features), or a
//! [`Changer`](keyway_credentials::Changer) and a [`Prober`](keyway_credentials::Prober) of its own.
//!
//! ```
//! use std::sync::Arc;
//!
//! use keyway_core::{Plugins, Resources, plugins};
//! use keyway_credentials::{Changer, Connection, CredentialStoreName, Passwords, Prober, SessionId};
//! use keyway_host::Host;
//! use keyway_host::sessions::{FetchRequest, Fetched, NewSession, Vault};
//! # use keyway_conformance::credentials::ScriptedTarget;
//! # use keyway_credentials::{Account, Asset, Candidate, Password, TargetCredential};
//! use keyway_secrets::{EnvironmentName, NewEnvironment, NewSecret, SecretAddress, SecretName, SecretStore as _, StoreName};
//! use keyway_seal::{Key, KeyRing};
//! use keyway_storage::Memory;
//! use keyway_vaulted::StoredAccount;
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let target = ScriptedTarget::new();
//! # let root = Candidate::new(Account::new("root")?, Asset::new("web1")?);
//! # let old = TargetCredential::Password(Password::new("correct horse"));
//! # target.accept(&root, old.clone());
//! # let (changer, prober) = (target.clone(), target.clone());
//! const PLUGINS: Plugins = plugins! { keyway_generic, keyway_vaulted };
//!
//! // In production: a Sqlite file, and keys from a key source.
//! let (storage, keys) = (Arc::new(Memory::new()), KeyRing::new([Key::generate()?])?);
//! let servers = CredentialStoreName::new("servers")?;
//! let vault = Vault::new(servers.clone(), "vaulted")
//!     .plugin_configuration(json!({ "store": "accounts", "rotation": { "password_length": 24 } }));
//! let lent = Resources::new()
//!     .with::<Arc<dyn Changer>>(Arc::new(changer))
//!     .with::<Arc<dyn Prober>>(Arc::new(prober));
//! let host = Host::builder(PLUGINS.registry()?, storage, keys.clone()).resources(lent).vault(vault).start().await?;
//!
//! // An operator adds the account `root` of the server `web1`.
//! let accounts = host.stores().create(&StoreName::new("accounts")?, "generic", json!({}), &keys).await?;
//! let web1 = EnvironmentName::new("web1")?;
//! accounts.create_environment(NewEnvironment { name: web1.clone(), external_url: None }).await?;
//! let address = SecretAddress::in_environment(SecretName::new("root")?, web1);
//! let account = StoredAccount::new().with_password("correct horse");
//! accounts.create(NewSecret::new(address, account.to_value())).await?;
//!
//! // A session at that server gets the password.
//! let mut connection = Connection::new(SessionId::new("session-1")?);
//! connection.server_username = Some("root".into());
//! connection.server_hostname = Some("web1".into());
//! let session = host.sessions().begin(NewSession::new(connection))?;
//! let Fetched::Found(found) = session.fetch::<Passwords>(&servers, FetchRequest::new()).await? else { panic!() };
//! assert_eq!(found.credentials.first().expose(), "correct horse");
//!
//! // When it ends, the server gets another one. `Host::run` tries again what failed.
//! assert!(session.end().await?.failures.is_empty());
//! # assert!(!target.accepts(&root, &old));
//! # Ok(())
//! # }
//! ```
//!
//! `crates/keyway/examples/host/accounts.rs` shows the same in a whole host.
//!
//! # How a credential is changed
//!
//! A check-in of a password or a private key changes it, if the configuration has `rotation` (decision S10), even if
//! the session has not used the credential. For that, the host passes a [`Changer`](keyway_credentials::Changer) and a
//! [`Prober`](keyway_credentials::Prober).
//!
//! | step | the secret holds | after a crash |
//! | --- | --- | --- |
//! | the new credential is made and stored | old, new | the target is asked which one opens it |
//! | the target is told to accept the new one instead of the old one | old, new | as above |
//! | a login at the target with the new one | old, new | as above |
//! | the new one is confirmed, and the lease ends | new | done |
//!
//! The secret is written in the first and in the last row, each time by one compare-and-set. So at every moment the
//! secret has the credential that the target accepts. The lease is held until the end, and no session gets the account.
//! A failed check-in is repeated by the host; if a lease is never checked in, its credential is changed before the next
//! check-out.
//!
//! If a login shows that the target accepts neither credential, for example because someone changed it by hand, the
//! account has *diverged*: the check-in says so ([`Rotation::Diverged`](keyway_credentials::Rotation)), and check-outs
//! are denied. Give the target a credential by hand, and store the account again with that credential.
//!
//! If the changer or the prober does not take such a credential, for example a password where both take keys only, the
//! check-in takes it back unchanged ([`Rotation::NotRotated`](keyway_credentials::Rotation)), and warns in the log.
//!
//! # Features
//! * `ssh`: changes keys in `authorized_keys` files, and logs in with the system's `ssh`. `command`: changes and checks
//!   credentials by executables. Both are in the module `targets`, and on Unix only.
//!
//! # Limits
//!
//! * If the store and the target fail while a host changes a credential, another host may continue the change when the
//!   claim of the first host has ended. The request of the first host may then arrive late at the target. It has the same
//!   new credential, so repeating the change does no harm. But a target that does not check the old credential may
//!   carry out a late request even after the next change; the next verification shows this.
//! * An account has one private key and one password. A key is replaced by a key of the configured type.
//! * A one-time code counts as used when it is handed out, whether or not the target got it.
//! * A certificate is for `account@asset`, with a key pair of its own that is never stored.
//! * If a secret is not an account, the error names the entry, and never the content.

mod account;
mod accounts;
mod certificates;
mod configuration;
mod machine;
mod new_credential;
mod plugin;
mod returning;
mod rotation;
mod store;
#[cfg(all(unix, any(feature = "command", feature = "ssh")))]
pub mod targets;

pub use account::{AccountError, StoredAccount, TotpSeed};
pub use configuration::{CertificateConfiguration, RotationConfiguration, VaultedConfiguration};
pub use new_credential::KeyKind;
pub use plugin::VaultedPlugin;
pub use store::VaultedStore;

keyway_core::register! {
    keyway_credentials::CredentialStores {
        id: "vaulted",
        name: "Keyway Vaulted",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261129,
        compatibility: ">=:1.0,<:2.0",
        description: "Credentials in a secret store of the host, with rotation at their target",
        plugin: VaultedPlugin,
    }
}
