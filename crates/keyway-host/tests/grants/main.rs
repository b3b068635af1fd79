//! Tests the grant engine: the answers that users get, the stored data, and the state after faults, races and crashes.

mod backlog;
mod crashes;
mod faults;
mod gate;
#[path = "../support/ground.rs"]
mod ground;
mod late;
mod late_revocation;
mod life;
mod lost_records;
mod overtaken;
mod places;
mod races;
mod reopening;
mod world;
