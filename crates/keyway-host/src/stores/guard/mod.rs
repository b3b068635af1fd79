//! Guards a store, so that the host survives any behaviour of its plugin.

mod reported;
mod store;
mod verdict;

pub use store::GuardedStore;
