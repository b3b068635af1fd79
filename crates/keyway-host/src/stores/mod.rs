//! The engine for secret stores.

mod driver;
mod error;
mod guard;
mod hosted;
pub mod machine;
mod record;

pub use driver::{Recovered, StoreSummary, Stores, StoresBuilder};
pub use error::StoresError;
pub use guard::{GuardedStore, Isolation, StoreLimits};
pub use hosted::HostedStore;
pub use machine::{Phase, Refusal, StoreState};
