//! The engine for issuers.

mod builder;
mod driver;
mod error;
mod issuer;
mod lease;
mod ledger;
mod limits;
pub mod machine;
mod outcome;
mod record;
mod recovery;
mod retry;
mod service;

pub use crate::guard::Isolation;
pub use builder::GrantsBuilder;
pub use driver::Grants;
pub use error::{Disposal, GrantsError};
pub use lease::{Holder, Lease, Meeting};
pub use limits::GrantLimits;
pub use machine::{Decision, Doubt, GrantState, Phase, Refusal, SameState};
pub use outcome::{Grant, GrantOutcome, HandedOver, Revoked, WorkOutcome, Worked};
pub use record::{GrantId, InvalidGrantId};
pub use retry::Retries;
pub use service::{Allow, Service, ServiceFault, ServiceView};
