//! Runs credential stores for a host.

mod asking;
mod audit;
mod changes;
mod connection_record;
mod engine;
mod error;
mod fetch;
mod lease_times;
mod leases;
mod live;
mod lock;
mod machine;
mod queue;
mod record;
mod refusals;
mod search;
mod session;
mod state;
mod vault;
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
pub use session::{NewSession, Session, Settled};
pub use state::{CheckOutId, InvalidCheckOutId};
pub use vault::{Vault, VaultFault, VaultView};
