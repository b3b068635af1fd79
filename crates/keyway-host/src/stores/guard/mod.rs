//! A store behind a guard: whatever the plugin does, the host goes on.

mod store;
mod verdict;

pub use store::GuardedStore;
