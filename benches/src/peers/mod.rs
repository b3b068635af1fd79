//! What Keyway is measured against.
//!
//! `semver` and `fernet` need no file here: they are called where they are compared.

pub mod counting;
pub mod generic;
pub mod primitives;
pub mod sqlite;
