//! Orders certificates.

mod body;
mod ca_owners;
mod ca_table;
mod container_ref;
mod hosted_ca;
mod listeners;
mod name_pattern;
mod policy;
mod routing;
mod validation;

pub use body::{OrderBodyError, read_body};
pub use ca_owners::{CaOwners, CaRefusal};
pub use ca_table::CaTable;
pub use container_ref::{ContainerRef, InvalidContainerRef};
pub use hosted_ca::{HostedCa, RejectedCa, RejectedCaBecause};
pub use listeners::Listeners;
pub use name_pattern::{InvalidPattern, NamePattern};
pub use policy::{AllowList, Asked, OrderPolicy, PolicyRefusal, Rule};
pub use routing::{Candidate, NotTaken, Route, RouteError, route};
pub use validation::{RequestError, StoredKey, ValidRequest, validate};
