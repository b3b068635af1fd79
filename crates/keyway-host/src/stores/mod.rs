//! The engine for secret stores.
//!
//! [`Stores`] knows which stores there are, with which plugin, configuration and keys. It hands
//! them out as [`HostedStore`], which is a [`SecretStore`](keyway_secrets::SecretStore) like the
//! plugin's own, with two things between:
//!
//! ```text
//!  HostedStore    stores what is to happen to the store before it happens
//!  GuardedStore   deadline, quarantine, contained panics, verdict on answers
//!  the plugin
//! ```
//!
//! [`GuardedStore`] can be used alone, where nothing has to be remembered.
//!
//! # Crashes
//!
//! The phase of a store is stored before the plugin is asked, and its answer afterwards. Whenever
//! the process ends, the stored phase says what may be unfinished:
//!
//! | found | [`Host::run`](crate::Host::run) and [`Host::recover`](crate::Host::recover) | [`Stores::open`] meanwhile |
//! | --- | --- | --- |
//! | [`Creating`](Phase::Creating) | makes the store; if it is there, checks its origin | does the same |
//! | [`Adopting`](Phase::Adopting) | looks for the data; if there is none, lists it no more | does the same |
//! | [`Active`](Phase::Active) | nothing | opens it |
//! | [`Rotating`](Phase::Rotating) | asks for the same rotation again | opens it, with new and old keys |
//! | [`Deleting`](Phase::Deleting) | asks for the deletion again | [`TransitionError::BeingDeleted`] |
//!
//! Work that cannot be finished (a key is missing, a plugin is not linked) is reported with its reason,
//! stays listed, and is tried again. Keys are remembered by name until the plugin has said that nothing is
//! sealed by them any more; [`StoresError::MissingKeys`] says which to bring.
//!
//! A future of [`Stores`] or [`HostedStore`] that is dropped in the middle leaves the same behind
//! as a crash does, and the same calls go on with it.
//!
//! # Limits
//!
//! * Operations on single secrets are not journalled: they are atomic in the plugin, and a caller
//!   that did not hear the answer reads to find out.
//! * An abort, an exit, a stack overflow and running out of memory end the process, and so does
//!   a panic with `panic = "abort"`. Recovery comes after the restart.
//! * [`Stores::list`] reads all records of stores: it is meant for thousands, not for millions.

mod engine;
mod error;
mod guard;
mod hosted;
mod machine;
mod record;
mod workflow;

pub use crate::plugin::Isolation;
pub use crate::work::{Limits, Retries};
pub use engine::{StoreSummary, Stores};
pub use error::StoresError;
pub use guard::GuardedStore;
pub use hosted::{HostedLayer, HostedStore};
pub use machine::{Phase, StoreState, TransitionError};
