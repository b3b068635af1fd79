//! The peers of Keyway.
//!
//! `semver` and `fernet` need no file here: the areas call them directly.

pub mod commits;
pub mod counting;
pub mod generic;
pub(crate) mod locker_project;
pub mod primitives;
pub mod reading;
pub mod recording;
pub mod sps;
pub mod sqlite;
