//! Runs secret stores for a host.
//!
//! [`Stores`] keeps the list of stores, each with its plugin, configuration and keys. It hands them out as
//! [`HostedStore`], which is a [`SecretStore`](keyway_secrets::SecretStore) like the plugin's own, with two layers in
//! between:
//!
//! ```text
//!  HostedStore    stores each step in the life of the store before it is taken
//!  GuardedStore   deadline, quarantine, contained panics, verdict on answers
//!  the plugin
//! ```
//!
//! [`GuardedStore`] can be used alone, if no record of the store is needed.
//!
//! # Crashes
//!
//! The phase of a store is stored before the plugin is asked, and its answer afterwards. So at any crash the stored
//! phase tells which work may be unfinished:
//!
//! | found | [`Host::run`](crate::Host::run) and [`Host::recover`](crate::Host::recover) | [`Stores::open`] meanwhile |
//! | --- | --- | --- |
//! | [`Creating`](Phase::Creating) | makes the store; if it exists, checks its origin | does the same |
//! | [`Adopting`](Phase::Adopting) | looks for the data; if there is none, removes the store from the list | does the same |
//! | [`Active`](Phase::Active) | nothing | opens it |
//! | [`Rotating`](Phase::Rotating) | asks for the same rotation again | opens it, with new and old keys |
//! | [`Deleting`](Phase::Deleting) | asks for the deletion again | [`TransitionError::BeingDeleted`] |
//!
//! Work that cannot be finished (a key is missing, a plugin is not linked) is reported with its reason, stays listed,
//! and is retried; [`Stores::forget`] removes a store whose work can never be finished. The names of keys
//! stay in the record until the plugin has said that they seal no data any more;
//! [`StoresError::MissingKeys`] names the keys to add.
//!
//! Dropping a future of [`Stores`] or [`HostedStore`] before its end has the same effect as a crash, and the same calls
//! resume the work.
//!
//! # Limits
//!
//! * Operations on single secrets are not journalled: they are atomic in the plugin, and a caller
//!   that got no answer reads to find out.
//! * An abort, an exit, a stack overflow and running out of memory end the process, and so does
//!   a panic with `panic = "abort"`. Recovery comes after the restart.
//! * [`Stores::list`] reads all records of stores: it is meant for thousands, not for millions.

mod engine;
mod error;
mod guard;
mod hosted;
mod lent;
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
