//! Tests the engine for credential stores: the answers to sessions, and the state after faults, races and crashes.

mod bounds;
mod crashes;
mod dropped;
mod events;
mod fetches;
#[path = "../support/ground.rs"]
mod ground;
mod leases;
mod lost;
mod odd;
mod operators;
mod unclear;
mod verifications;
mod waiting;
mod world;
