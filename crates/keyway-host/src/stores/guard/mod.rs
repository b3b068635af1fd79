//! A store behind a guard: whatever the plugin does, the host goes on.

mod call;
mod contained;
mod store;
mod verdict;

pub use call::{Isolation, StoreLimits};
pub use store::GuardedStore;
