//! Tests the engine for certificate orders: the clients' answers, and the state after faults, races and
//! crashes.

mod answers;
mod changes;
mod crashes;
mod giving_up;
mod gone;
#[path = "../support/ground.rs"]
mod ground;
mod issued;
mod keeping;
mod life;
mod notices;
mod policy;
mod renewal;
mod requests;
mod revocation;
mod routing;
mod stored_keys;
mod subordinate;
mod upkeep;
mod world;
