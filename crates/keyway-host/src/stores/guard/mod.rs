//! A store behind a guard: whatever the plugin does, the host goes on.

mod call;
mod store;
mod verdict;

pub use call::StoreLimits;
pub use store::GuardedStore;
