//! The issuer `ssh-authorized-keys`.
#![cfg(unix)]

mod authorized_keys;
mod file;
mod key;
mod setting;
mod state;

pub use authorized_keys::{AuthorizedKeys, AuthorizedKeysPlugin};

/// The version of both plugins.
const VERSION: &str = "1.0.0";
