//! Tests the files of `keyway-convection` and `keyway-ssh` when the system fails, and when a host
//! runs as another user than the owner of the files.
#![cfg(unix)]

mod act;
mod fixture;
mod names;
mod owners;
mod sync;
