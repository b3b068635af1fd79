//! The contract for credential stores. A store is a connection to a vault: it gives a session the credentials that open
//! the session's target, and takes them back.
//!
//! A gateway lets a user into a server without telling the user its password. For the *session* it needs the
//! credentials of an *account* at an *asset*. The host lists candidates, and asks the store for the credentials of one
//! candidate after the other until it gets some. The credentials are *checked out* under a *lease*. The host *checks
//! them in* on every path, also after a crash: when the target has accepted them, or when the session does not need
//! them, or no longer needs them. The operations are those of the SPS seed.
//!
//! ```text
//!          passwords, private keys           authentication completed
//! (nothing) ───────────────────► checked out ─────────────────────────► in use
//!     │                            │    │  ▲                              │
//!     │                            │    └──┘ renew                        │  or at the
//!     ├──► not found, busy,        │                                      │  end of the
//!     │    denied ...: the next    │ not accepted, unused, expired,       │  session
//!     │    candidate               │ host lost, forced                    │
//!     │                            ▼                                      ▼
//!     └──► none left               check in ◄─────────────────────────────┘
//!                                  └──► session ended
//! ```
//!
//! Each answer is a [`FetchOutcome`]; only [`Found`] ends the search. A store without leases only reads, so nothing is
//! checked in.
//!
//! # A complete plugin
//!
//! This example is a cabinet that has one key for each account, and gives it to one session at a time.
//!
//! ```
//! # mod cabinet {
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
//!
//! use keyway_credentials::{
//!     Busy, Capabilities, CheckIn, CheckedIn, CredentialError, CredentialStore, CredentialStorePlugin, Fetch,
//!     FetchOutcome, Found, Holder, Lease, LeaseId, OpenContext, Password, Passwords, Rotation, async_trait,
//! };
//!
//! /// The plugin. Its name is in `register!`.
//! #[derive(Debug)]
//! pub struct Cabinet;
//!
//! impl CredentialStorePlugin for Cabinet {
//!     fn open(&self, _: &OpenContext) -> Result<Arc<dyn CredentialStore>, CredentialError> {
//!         Ok(Arc::new(Hooks::default()))
//!     }
//! }
//!
//! /// One store: a map from accounts to the sessions that hold their key, and to their leases. A real one asks its
//! /// vault.
//! #[derive(Debug, Default)]
//! struct Hooks(Mutex<BTreeMap<String, (String, LeaseId)>>);
//!
//! impl Hooks {
//!     fn holders(&self) -> MutexGuard<'_, BTreeMap<String, (String, LeaseId)>> {
//!         self.0.lock().unwrap_or_else(PoisonError::into_inner)
//!     }
//! }
//!
//! #[async_trait]
//! impl CredentialStore for Hooks {
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::MINIMAL.passwords(true).leases(true)
//!     }
//!
//!     async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
//!         let account = fetch.candidate.account.as_str();
//!         if !["root", "backup"].contains(&account) {
//!             return Ok(FetchOutcome::NotFound);
//!         }
//!         let mut holders = self.holders();
//!         if let Some((holder, _)) = holders.get(account) {
//!             return Ok(FetchOutcome::Busy(Busy::new().held_for(Holder::new(holder.as_str())?)));
//!         }
//!         // Comes before the effect, because it can fail. The intent is new for each check-out, so the id is too.
//!         let intent = fetch.intent.as_ref();
//!         let intent = intent.ok_or_else(|| CredentialError::invalid("the request", "it has no intent"))?;
//!         let lease = Lease::new(LeaseId::new(intent.as_str())?).exclusive(true);
//!         let session = fetch.session.connection.session_id.to_string();
//!         holders.insert(account.to_owned(), (session, lease.id.clone()));
//!         let passwords = Passwords::new(Password::new("correct horse"));
//!         Ok(Found::new(passwords).with_lease(lease).into())
//!     }
//!
//!     async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
//!         // Checking in a missing lease succeeds.
//!         self.holders().retain(|_, (_, lease)| *lease != check_in.lease.id);
//!         Ok(CheckedIn::new(Rotation::NotRotated))
//!     }
//! }
//!
//! keyway_credentials::register! {
//!     keyway_credentials::CredentialStores {
//!         id: "cabinet",
//!         name: "Cabinet",
//!         version: "1.0.0",
//!         author: "Ada <ada@example.org>",
//!         updated: 20261129,
//!         compatibility: ">=:1.0,<:2.0",
//!         description: "Has one key for each account",
//!         plugin: Cabinet,
//!     }
//! }
//! # }
//!
//! // A host finds it by its id. This one does not use an engine, which keeps leases and checks them in.
//! use keyway_credentials::core::{Effect, PluginError, Plugins, plugins};
//! use keyway_credentials::{
//!     AccountRule, AssetRules, AssetSource, Candidate, CheckIn, CheckInReason, Connection, CredentialKind,
//!     CredentialStoreName, CredentialStores, Fetch, FetchOutcome, IntentId, OpenContext, Password, Rotation,
//!     SessionContext, SessionId,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # pollster::block_on(async {
//! const PLUGINS: Plugins = plugins! { cabinet };
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<CredentialStores>("cabinet")?;
//! let name = CredentialStoreName::new("hall")?;
//! let store = plugin.open(&OpenContext::new(name, plugin.metadata().clone()))?;
//! assert!(store.capabilities().offers(CredentialKind::Passwords));
//!
//! // The candidates follow from the connection: the account `root` at each of the assets.
//! let mut connection = Connection::new(SessionId::new("session-1")?);
//! connection.server_username = Some("root".into());
//! connection.server_hostname = Some("web1".into());
//! connection.server_ip = Some("192.0.2.7".into());
//! let account = AccountRule::default().account(&connection).unwrap();
//! let mut candidates = Vec::new();
//! for source in AssetRules::default().assets(&connection) {
//!     let AssetSource::Asset(asset) = source else { continue };
//!     candidates.push(Candidate::new(account.clone(), asset));
//! }
//! assert_eq!(candidates.len(), 2);
//!
//! // The host stores the intent before it asks.
//! let session = SessionContext::new(connection);
//! let intent = IntentId::new("fetch-1.0").unwrap();
//! let fetch = Fetch::new(candidates[0].clone(), session.clone()).with_intent(intent);
//! let FetchOutcome::Found(found) = store.passwords(&fetch).await? else { panic!() };
//! assert_eq!(found.credentials.first().expose(), "correct horse");
//! let lease = found.lease.unwrap();
//! assert!(lease.exclusive);
//!
//! // Another session has to wait.
//! let other = SessionContext::new(Connection::new(SessionId::new("session-2")?));
//! let intent = IntentId::new("fetch-2.0").unwrap();
//! let waiting = Fetch::new(candidates[0].clone(), other).with_intent(intent);
//! let FetchOutcome::Busy(busy) = store.passwords(&waiting).await? else { panic!() };
//! assert_eq!(busy.held_for.unwrap().as_str(), "session-1");
//!
//! // A check-in that is repeated succeeds.
//! let intent = IntentId::new("check-in-1").unwrap();
//! let check_in = CheckIn::new(intent, lease, candidates[0].clone(), session, CheckInReason::Used);
//! for _ in 0..2 {
//!     assert_eq!(store.check_in(&check_in).await?.rotation, Rotation::NotRotated);
//! }
//! assert!(matches!(store.passwords(&waiting).await?, FetchOutcome::Found(_)));
//!
//! // A kind that the store does not have is unsupported.
//! assert_eq!(store.private_keys(&fetch).await?, FetchOutcome::Unsupported);
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Every member
//!
//! The members of [`CredentialStorePlugin`]:
//!
//! | member | a plugin | the host calls it | seed |
//! | --- | --- | --- | --- |
//! | [`check_configuration`](CredentialStorePlugin::check_configuration) | may have it | before it stores a configuration | "way of working" |
//! | [`open`](CredentialStorePlugin::open) | must have it | before the first call, after a panic, and as often as it likes | "way of working" |
//!
//! The members of [`CredentialStore`]. If a member needs a capability, its default body answers `Unsupported`, and the
//! host calls the member only if the store declares the capability:
//!
//! | member | a plugin | the host calls it | seed |
//! | --- | --- | --- | --- |
//! | [`capabilities`](CredentialStore::capabilities) | must have it | once for a handle | decision S1 |
//! | [`passwords`](CredentialStore::passwords) | capability `passwords` | for each candidate, until one is found | `do_get_password_list` |
//! | [`private_keys`](CredentialStore::private_keys) | capability `private_keys` | for each candidate, until one is found | `do_get_private_key_list` |
//! | [`certificates`](CredentialStore::certificates) | capability `certificates` | for each candidate, until one is found | decision S7 |
//! | [`totp_codes`](CredentialStore::totp_codes) | capability `totp_codes` | for each candidate, until one is found | decision S7 |
//! | [`remote_app_credentials`](CredentialStore::remote_app_credentials) | capability `remote_apps` | once the account and the asset are known | decision S1 |
//! | [`accounts`](CredentialStore::accounts) | capability `own_accounts` | at the start of a search | `_generate_accounts` |
//! | [`assets`](CredentialStore::assets) | capability `own_assets` | for each account, if its rules name a generator that is not built in | `_generate_assets` |
//! | [`check_in`](CredentialStore::check_in) | capability `leases` | once for a lease, and again until it succeeds | `do_check_in_credential` |
//! | [`renew`](CredentialStore::renew) | capability `renews` | when a share of the lease's time has passed | decision S10 |
//! | [`verify`](CredentialStore::verify) | capability `verifies` | when the operator's schedule says so | decision S10 |
//! | [`authentication_completed`](CredentialStore::authentication_completed) | may have it | when the target accepted the user | `do_authentication_completed` |
//! | [`session_ended`](CredentialStore::session_ended) | may have it | once, at the end of a session | `do_session_ended` |
//! | [`reconcile`](CredentialStore::reconcile) | capability `reconciles` | after a crash or a passed deadline | decision R2 |
//!
//! In the column *seed*, "way of working" is section 8.3.1 of the seed, and the other names are from its section 8.3.2.
//!
//! The members of [`CandidateStream`]. A store that lists candidates itself implements this trait, or uses an iterator:
//!
//! | member | the host calls it | seed |
//! | --- | --- | --- |
//! | [`next`](CandidateStream::next) | after the last candidate was tried in vain | decision S4 |
//! | [`next_ready`](CandidateStream::next_ready) | before it, because most lists need no waiting | decision S4 |
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | the operations, and the rules for all of them | [`CredentialStore`] |
//! | a store that wraps another one | [`CredentialStoreLayer`] |
//! | the resources that a host gives a plugin | [`OpenContext`] |
//! | a session: its connection and its data | [`SessionContext`], [`Connection`], [`Cookie`] |
//! | candidates, and the rules that make them | [`Candidate`], [`AccountRule`], [`AssetRules`], [`Candidates`] |
//! | requests and answers | [`Fetch`], [`FetchOutcome`] |
//! | credentials | [`Password`], [`PrivateKey`], [`CertificateCredential`], [`TotpCode`], [`RemoteAppCredentials`] |
//! | leases, and their end | [`Lease`], [`LeaseRenewal`], [`CheckIn`], [`CheckInReason`], [`CheckInTriggers`] |
//! | the login to the vault itself | [`VaultLoginSource`] |
//! | the configuration of an SPS plugin | [`SpsConfiguration`] |
//! | events | [`SessionEvent`] |
//! | changes of credentials at their target | [`Changer`], [`Prober`], [`Rotation`] |
//! | failures | [`CredentialError`] |
//! | repeated calls and crashes | [`IntentId`], [`Reconciliation`] |
//! | JSON | [`Json`], [`core::json`] |
//!
//! # Limits
//!
//! | of a session | at most |
//! | --- | --- |
//! | [`Cookie`], each | 64 KiB, 32 levels |
//! | check-outs at a time | [`MAX_CHECK_OUTS`] |
//! | [`Account`], [`Asset`], [`LeaseId`], each | 512 bytes |
//! | [`PrivateKey`], which is not stored | 16 KiB |
//!
//! With these limits, a session with the cookies of three stores stays below the 512 KiB of decision R8.
//!
//! This crate is independent of any runtime (decision R1).

mod candidate;
mod capabilities;
mod check_in;
mod connection;
mod cookie;
mod credential;
mod error;
mod fetch;
mod generators;
mod key;
mod layer;
mod lease;
mod limits;
mod outcome;
mod plugin;
mod reconciliation;
mod register;
mod remote_app;
mod session_event;
mod sps;
mod target;
mod text;
mod vault_login;
mod verification;

pub use candidate::{Candidate, CandidateQuestion, CandidateStream, Candidates};
pub use capabilities::Capabilities;
pub use check_in::{
    CheckIn, CheckInReason, CheckInTrigger, CheckInTriggers, CheckedIn, Rotation, UnknownTrigger,
};
pub use connection::Connection;
pub use cookie::Cookie;
pub use credential::{
    CertificateCredential, Certificates, Credentials, Password, Passwords, PrivateKeys, TotpCode, TotpCodes,
};
pub use error::{BoxedError, CredentialError};
pub use fetch::{CredentialKind, Fetch, SessionContext};
pub use generators::{AccountRule, AssetGenerator, AssetRules, AssetSource};
pub use key::{EcdsaCurve, KeyError, KeyFacts, KeyForm, KeyType, PrivateKey};
pub use layer::{Call, CredentialStoreLayer, Layered};
pub use lease::{Lease, LeaseRenewal};
pub use limits::MAX_CHECK_OUTS;
pub use outcome::{Busy, Denial, FetchOutcome, Found, NeedInfo};
pub use plugin::{CredentialStore, CredentialStorePlugin, OpenContext};
pub use reconciliation::{IntendedCall, IntendedEffect, Reconciled, Reconciliation};
pub use register::CredentialStores;
pub use remote_app::{LaunchInformation, RemoteAppCredentials, remote_app_candidate};
pub use session_event::{CheckOut, SessionEvent};
pub use sps::{SpsConfiguration, SpsConfigurationError};
pub use target::{Changer, CredentialChange, Probed, Prober, TargetCredential};
pub use text::{Account, Asset, CredentialStoreName, Holder, LeaseId, SessionId};
pub use vault_login::{VaultLogin, VaultLoginError, VaultLoginSource};
pub use verification::{Verification, Verified};

pub use async_trait::async_trait;
pub use keyway_core::json::ObjectLimit;
pub use keyway_core::{self as core, IntentId, InvalidText, Json, JsonObject, SecretText, register};
