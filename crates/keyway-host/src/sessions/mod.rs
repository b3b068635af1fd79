//! Runs credential stores for a host.
//!
//! A user's *session* needs the credentials of an account at an asset. [`Sessions`] fetches them from a *vault*, a
//! credential store of the host. It checks a lease in when the target has accepted the credentials or the session no
//! longer needs them, at the latest when the session ends. However a session ends, even by a crash, it leaves no lease
//! behind (SPS seed).
//!
//! ```
//! # mod cabinet {
//! # use std::sync::atomic::{AtomicU32, Ordering};
//! # use keyway_credentials::{
//! #     Capabilities, CheckIn, CheckedIn, CredentialError, CredentialStore, Fetch, FetchOutcome, Found, Lease, LeaseId,
//! #     Password, Passwords, Rotation, async_trait,
//! # };
//! # #[derive(Debug, Default)]
//! # pub struct Cabinet(AtomicU32);
//! # #[async_trait]
//! # impl CredentialStore for Cabinet {
//! #     fn capabilities(&self) -> Capabilities { Capabilities::MINIMAL.passwords(true).leases(true) }
//! #     async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
//! #         if fetch.candidate.asset.as_str() != "web1" {
//! #             return Ok(FetchOutcome::NotFound);
//! #         }
//! #         let id = LeaseId::new(format!("key-{}", self.0.fetch_add(1, Ordering::Relaxed)))?;
//! #         let found = Found::new(Passwords::new(Password::new("correct horse")));
//! #         Ok(found.with_lease(Lease::new(id)).into())
//! #     }
//! #     async fn check_in(&self, _: &CheckIn) -> Result<CheckedIn, CredentialError> {
//! #         Ok(CheckedIn::new(Rotation::NotRotated))
//! #     }
//! # }
//! # }
//! use std::sync::Arc;
//!
//! use keyway_core::Registry;
//! use keyway_credentials::{Account, Connection, CredentialStoreName, Password, Passwords, SessionId};
//! use keyway_host::Host;
//! use keyway_host::sessions::{FetchRequest, Fetched, LeaseQuery, NewSession, Transition, Vault};
//! use keyway_seal::{Key, KeyRing};
//! use keyway_storage::Memory;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A host with one vault. `Vault::new` names a linked plugin instead.
//! let hall = CredentialStoreName::new("hall")?;
//! let vault = Vault::with_store(hall.clone(), Arc::new(cabinet::Cabinet::default()));
//! let (registry, keys) = (Registry::builder().build()?, KeyRing::new([Key::generate()?])?);
//! let host = Host::builder(registry, Arc::new(Memory::new()), keys)
//!     .vault(vault)
//!     .session_audit(|transition: &Transition<'_>| println!("{transition}"))
//!     .start()
//!     .await?;
//!
//! // A user is at the door. The account and the assets follow from the connection.
//! let mut connection = Connection::new(SessionId::new("session-1")?);
//! connection.server_username = Some("root".into());
//! connection.server_ip = Some("192.0.2.7".into());
//! connection.server_hostname = Some("web1".into());
//! let session = host.sessions().begin(NewSession::new(connection))?;
//! let Fetched::Found(found) = session.fetch::<Passwords>(&hall, FetchRequest::new()).await? else { panic!() };
//! assert_eq!(found.credentials.iter().map(Password::expose).collect::<Vec<_>>(), ["correct horse"]);
//! assert_eq!(found.candidate.asset.as_str(), "web1");
//!
//! // Lists the leases of an account, for an operator.
//! let root = LeaseQuery::Account(Account::new("root")?);
//! let open = host.sessions().leases(&root, None, 10).await?.leases;
//! assert_eq!((open[0].session.as_str(), Some(&open[0].lease)), ("session-1", found.lease.as_ref()));
//!
//! // The target lets the user in, so the credentials go back.
//! session.authentication_completed().await?;
//! assert!(host.sessions().leases(&root, None, 10).await?.leases.is_empty());
//! session.end().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A host that uses the facade finds this module as `keyway::sessions`. [`Host::run`](crate::Host::run) recovers after
//! a crash, renews leases, returns leases that are about to end, and repeats failed calls. Without it, the host does
//! nothing but carry out the callers' own calls.
//!
//! # The steps of a fetch
//!
//! 1. The host checks what it [demands](Vault::demand_ticket), and the [locks](Sessions::lock).
//! 2. It makes the list of candidates: by its rules, and by the store's own generators where the rules name them
//!    (decision S4).
//! 3. It stores an intent, and checks in the credentials that the session holds at this store and that no target has
//!    accepted yet, unless the fetch is for a one-time code or a remote application (decision S3).
//! 4. It asks the store for each candidate until one has credentials. The intent that the store gets is the stored one
//!    with the number of the candidate (decision S2).
//! 5. It stores the lease, and only then hands out the credentials, which it never stores.
//! 6. If no candidate has credentials, and other sessions hold some of the candidates exclusively, it
//!    [waits](Vault::busy_wait) in the queue for the first candidate that is held.
//!
//! A store without leases only reads: its fetches are not recorded.
//!
//! # The end of a check-out
//!
//! | what happens | the reason of the check-in |
//! | --- | --- |
//! | the target accepts the credentials, by the [trigger](Vault::check_in_triggers) at once or at the end | `Used` |
//! | the target [does not accept](Session::authentication_failed) them | `AuthenticationFailed` |
//! | another fetch of passwords, keys or certificates, or the [end](Session::end) of a session that proved nothing | `Unused` |
//! | the last handle of the session is dropped | as at its end |
//! | 90 % of the lease's time have passed, and it is not renewed | `Expired` |
//! | the host starts again after a crash | `HostLost` |
//! | an operator [takes it back](Sessions::check_in) | `Forced` |
//!
//! A check-in is tried until it works, always with the same intent. The store is told of the end of the session even if
//! a check-in fails. An operator can [forget](Sessions::forget) a lease whose vault is gone.
//!
//! # Plugins that fail
//!
//! | the plugin | the fetch |
//! | --- | --- |
//! | fails without an effect | is an error, and nothing is held |
//! | passes the deadline, panics, or fails with an unknown effect, and reconciles | is asked about later; what it holds is checked in |
//! | the same, and is idempotent | is asked again for the candidates that the fetch may have come to; what it gives is checked in |
//! | the same, and can do neither | waits for a person's [decision](Sessions::decide) |
//! | gives credentials for a session that ended meanwhile | is checked in |
//!
//! If a check-out cannot be stored, it is checked in at once. If the host stops while a plugin is asked, the call is
//! treated as if it had passed its deadline (decision R2).
//!
//! # One record for each store
//!
//! A session that uses several stores has a record for each, so that a vault that hangs does not delay the work at
//! other vaults (decision R6). All stores are told of an event at the same time, and share the session cookie. A
//! session lives in the memory of its host: when a run of the host is lost, the next run of the same
//! [name](crate::HostBuilder::name) ends its sessions. A [detached](NewSession::detached) session is
//! [resumed](Sessions::resume) instead.
//!
//! # Limits
//!
//! * A session holds at most 16 check-outs at each store; a fetch asks for at most 10,000 candidates.
//! * If the end of a session without a handle cannot be stored, it is repeated in memory. If the process ends before it is
//!   stored, the next start of the host ends the session. A session that has no record at a store is not repeated, so
//!   that store may not learn of its end.
//! * A queue is fair within one host. Hosts that share a vault compete for it.
//! * A store's own list of candidates must have the same candidates when the host reads it again after a crash.
//! * Rolling back the storage engine to an older copy is not detected.

mod admission;
mod asking;
mod audit;
mod changes;
mod connection_record;
mod dropped;
mod ending;
mod engine;
mod error;
mod fetch;
mod lease_times;
mod leases;
mod live;
mod lock;
mod machine;
mod new_session;
mod part;
mod queue;
mod record;
mod refusals;
mod search;
mod session;
mod state;
mod together;
mod vault;
mod verifying;
mod workflow;

pub use crate::plugin::Isolation;
pub use crate::work::{Limits, Retries};
pub use audit::{Action, SessionAudit, Transition};
pub(crate) use engine::SessionSettings;
pub use engine::Sessions;
pub use error::SessionsError;
pub use fetch::{Attempt, CredentialType, FetchRequest, Fetched, FoundCredentials};
pub use leases::{
    Decision, LeasePage, LeaseQuery, OpenLease, PageStart, Returning, UndecidedFetch, UndecidedPage,
};
pub use lock::{Lock, LockTarget};
pub use machine::TransitionError;
pub use new_session::NewSession;
pub use session::{Session, Settled};
pub use state::{CheckOutId, InvalidCheckOutId};
pub use vault::{Vault, VaultFault, VaultView};
pub use verifying::VerifiedAccount;
