//! Creates and deletes subordinate certificate authorities.
//!
//! ```
//! # use std::sync::Arc;
//! # use keyway_certificates::{AuthorityName, Owner};
//! # use keyway_conformance::certificates::ScriptedCa;
//! # use keyway_core::Registry;
//! # use keyway_host::Host;
//! # use keyway_seal::{Key, KeyRing};
//! # use keyway_storage::Memory;
//! use keyway_host::orders::Authority;
//! use keyway_host::orders::subordinate::{NewCa, Phase};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (registry, keys) = (Registry::builder().build()?, KeyRing::new([Key::generate()?])?);
//! let desk = Authority::with_authority(AuthorityName::new("desk")?, Arc::new(ScriptedCa::new()));
//! let host = Host::builder(registry, Arc::new(Memory::new()), keys).authority(desk).start().await?;
//! let (orders, joe) = (host.orders(), Owner::new("joe")?);
//!
//! let root = orders.cas(&joe).pop().ok_or("the connection has an authority")?;
//! let team = NewCa::new(joe.clone(), root.id, "Team", "CN=Team,O=Example");
//! let team = orders.subordinate_cas().create(team).await?;
//! assert_eq!(team.state.phase, Phase::Active);
//!
//! // Orders of its owner name it in their field `ca_id`. It is hidden from others.
//! let id = team.id.ok_or("it exists")?;
//! assert!(orders.cas(&joe).iter().any(|ca| ca.id == id));
//! assert!(!orders.cas(&Owner::new("eve")?).iter().any(|ca| ca.id == id));
//!
//! orders.subordinate_cas().delete(&joe, &id).await?;
//! assert!(orders.subordinate_cas().list(&joe).await?.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Creating and deleting are intents: each is stored before the plugin is asked, and a crash loses neither (decisions
//! B19, R2). `machine.rs` has the whole table of events and phases.
//!
//! | the plugin, asked to create | the authority |
//! | --- | --- |
//! | refuses, or cannot be reached | is not created; the owner gets the error |
//! | fails with an unknown effect, and is idempotent | is asked for again with the same intent |
//! | the same, and reconciles | the plugin is asked what happened; if nothing did, it is asked for again |
//! | the same, and can do neither | waits for a person's [decision](SubordinateCas::decide) |
//! | answers with an authority that was there before | waits for a person's decision |
//!
//! A deletion that fails is tried again, because it can be repeated. If the plugin refuses the deletion, the authority
//! stays as it was. While a creation is not settled, an authority with the requested name is hidden, even if the plugin
//! lists it: it has no owner yet, so everybody could use it.

mod engine;
mod error;
mod known;
mod machine;
mod record;
mod view;
mod workflow;

pub use engine::SubordinateCas;
pub use error::SubordinateError;
pub(super) use known::Known;
pub use machine::{Decision, Phase, State, TransitionError};
pub(super) use record::Requested;
pub use view::{CaPage, NewCa, SubordinateCa};
pub(super) use workflow::SubordinateWorkflow;
