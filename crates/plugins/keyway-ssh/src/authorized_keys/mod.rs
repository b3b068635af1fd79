//! The issuer `ssh-authorized-keys`.

mod issuer;
mod lines;
mod settings;

pub use issuer::{AuthorizedKeys, AuthorizedKeysPlugin};
