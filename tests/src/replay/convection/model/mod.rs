//! A model of the life of a store on a file, independent of the code under test.
//!
//! [`store::Model`] follows the operations of a vector and returns the demands of decisions for
//! each. It also follows differences from upstream: once a decision made the store differ from
//! upstream's (an `initialize` that did not overwrite), that decision rules everything after it,
//! and the model determines the outcome.

pub(super) mod document;
mod settings;
mod store;

pub(super) use store::{Model, projected};
