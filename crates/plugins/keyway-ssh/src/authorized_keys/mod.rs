//! The issuer `ssh-authorized-keys`.

mod account_file;
mod issuer;
mod lines;
mod settings;

pub use account_file::{AuthorizedKeysFile, ReplaceKeyError};
pub use issuer::{AuthorizedKeys, AuthorizedKeysPlugin};
