//! A model of the life of a store on a file, independent of the code under test.
//!
//! [`store::Model`] follows the operations of a vector, and returns the demands of decisions on each operation. The
//! model also follows differences from upstream: once a decision has made the store differ from upstream's (for
//! example, because `initialize` did not overwrite a store), that decision rules every later operation that no other
//! decision rules, and the model determines the outcome.

pub(super) mod document;
mod settings;
mod store;

pub(super) use store::{Model, projected};
