//! The grant engine: what users get, what is stored, and what is left after faults, races and
//! crashes.

mod backlog;
mod crashes;
mod faults;
mod gate;
mod late;
mod late_revocation;
mod life;
mod lost_records;
mod places;
mod races;
mod reopening;
mod world;
