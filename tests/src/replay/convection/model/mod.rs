//! What the life of a store on a file must be, worked out without the code under test.
//!
//! [`store::Model`] follows the operations of a vector and says for each what decisions demand. It
//! also follows what differs from upstream: once a decision made the store another one than
//! upstream's (an `initialize` that did not overwrite), everything after it is ruled by that
//! decision, and the model says what it must be.

pub(super) mod document;
mod settings;
mod store;

pub(super) use store::{Model, projected};
