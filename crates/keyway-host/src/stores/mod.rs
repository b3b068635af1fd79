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
//! # What a guard does
//!
//! * It asks the plugin for nothing that is not declared.
//! * It runs each call on a task of its own ([`Isolation`]) and waits until a deadline
//!   ([`StoreLimits`]). A call that does not end then puts the handle into quarantine until it
//!   comes back, because every further call could take one more thread for ever.
//! * It contains panics, and makes the plugin's instance anew after one.
//! * It discards answers that break the contract: about another secret, of a kind that is not
//!   declared, a version that is not the next one, a page that is too long or holds something
//!   twice, a rotation whose progress goes backwards.
//!
//! # How a crash is survived
//!
//! The life of a store is a pure function ([`machine`]) from phase and event to phase and effect.
//! The driver stores the phase, then asks the plugin, then stores that it was done. Whenever
//! the process ends, the stored phase says what may be unfinished:
//!
//! | found | [`Stores::recover`] | [`Stores::open`] meanwhile |
//! | --- | --- | --- |
//! | [`Creating`](Phase::Creating) | makes the store; if it is there, checks who wrote it | does the same |
//! | [`Adopting`](Phase::Adopting) | looks for the data; if there is none, lists it no more | does the same |
//! | [`Active`](Phase::Active) | nothing | opens it |
//! | [`Rotating`](Phase::Rotating) | asks for the same rotation again | opens it, with new and old keys |
//! | [`Deleting`](Phase::Deleting) | asks for the deletion again | [`Refusal::BeingDeleted`] |
//!
//! What cannot be finished (a key is missing, a plugin is not linked) is answered with its reason
//! and stays listed. Keys are remembered by name until the plugin has said that nothing is
//! sealed by them any more; [`StoresError::MissingKeys`] says which to bring.
//!
//! A future of [`Stores`] or [`HostedStore`] that is dropped in the middle leaves the same behind
//! as a crash would, and the same calls go on with it.
//!
//! A host therefore begins like this:
//!
//! ```no_run
//! # async fn begin(
//! #     registry: keyway_core::Registry,
//! #     storage: std::sync::Arc<dyn keyway_storage::Storage>,
//! #     host_keys: keyway_seal::KeyRing,
//! #     keys: keyway_seal::KeyRing,
//! # ) -> Result<(), keyway_host::stores::StoresError> {
//! use keyway_host::stores::Stores;
//! use keyway_secrets::Progress;
//!
//! let stores = Stores::start(registry, storage, host_keys).await?;
//! let show = |progress: Progress| println!("{} of {}", progress.done, progress.total);
//! for recovered in stores.recover(&keys, &show).await? {
//!     match recovered.outcome {
//!         Ok(()) => println!("{}: what was cut short is finished", recovered.store),
//!         Err(error) => println!("{} is still {:?}: {error}", recovered.store, recovered.phase),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! * Operations on single secrets are not journalled: they are atomic in the plugin, and a caller
//!   that did not hear the answer reads to find out.
//! * An abort, an exit, a stack overflow and running out of memory end the process, and so does
//!   a panic with `panic = "abort"`. Recovery comes after the restart.
//! * [`Stores::list`] and [`Stores::recover`] read all records of the host's: they are meant for
//!   thousands of stores, not for millions.
//! * The host's own keys are changed by putting a new one in front of the old: what is written
//!   from then on is sealed by it. Records that do not change keep the old key, so keep it.
//! * Nothing yet keeps two hosts from carrying out the same effect at the same time (decision R5 is
//!   for engines to come). Each step is conditional on the record, and the contract lets every
//!   effect be repeated.

mod builder;
mod driver;
mod error;
mod guard;
mod hosted;
pub mod machine;
mod record;
mod recovery;

pub use crate::guard::Isolation;
pub use builder::StoresBuilder;
pub use driver::{StoreSummary, Stores};
pub use error::StoresError;
pub use guard::{GuardedStore, StoreLimits};
pub use hosted::HostedStore;
pub use machine::{Phase, Refusal, StoreState};
pub use recovery::Recovered;
