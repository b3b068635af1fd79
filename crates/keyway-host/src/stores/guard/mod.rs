//! Guards a store, so that the host survives any behaviour of its plugin.

mod call;
mod store;
mod verdict;

pub use call::StoreLimits;
pub use store::GuardedStore;
