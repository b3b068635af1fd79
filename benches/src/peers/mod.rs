//! The peers: implementations with which Keyway is compared.
//!
//! `semver` and `fernet` need no file here, because the areas call them directly.

pub mod commits;
pub mod counting;
pub mod generic;
pub(crate) mod locker_project;
pub mod primitives;
pub mod reading;
pub mod recording;
pub mod sps;
pub mod sqlite;
