//! The files of `keyway-convection` and `keyway-ssh` when the system fails, and when hosts run as other users
//! than the one that the files belong to.
#![cfg(unix)]

mod act;
mod owners;
mod sync;
