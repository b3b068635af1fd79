//! Changers and probers for the usual targets. A host passes them to the store, so that a rotation can change and check
//! credentials at a target (decision S10).
//!
//! | | feature | changes, or checks |
//! | --- | --- | --- |
//! | [`AuthorizedKeysChanger`] | `ssh` | the public key of an account in its `authorized_keys` file |
//! | [`SshLoginProber`] | `ssh` | a private key, by a login with the system's `ssh` |
//! | [`CommandChanger`] | `command` | any credential, by an executable |
//! | [`CommandProber`] | `command` | any credential, by an executable that logs in |
//!
//! ```no_run
//! # #[cfg(feature = "ssh")] {
//! use std::sync::Arc;
//!
//! use keyway_core::Resources;
//! use keyway_credentials::{Changer, Prober};
//! use keyway_vaulted::targets::{AuthorizedKeysChanger, SshLoginProber};
//!
//! let changer = AuthorizedKeysChanger::new("/srv/keys/{asset}/{account}/authorized_keys")?;
//! let prober = SshLoginProber::new("/etc/keyway/known_hosts")?;
//! let lent = Resources::new()
//!     .with::<Arc<dyn Changer>>(Arc::new(changer))
//!     .with::<Arc<dyn Prober>>(Arc::new(prober));
//! // A host passes `lent` to `Host::builder(..).resources(..)`.
//! # drop(lent);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "ssh")]
mod authorized_keys;
#[cfg(feature = "command")]
mod command;
#[cfg(feature = "ssh")]
mod key_text;
#[cfg(feature = "ssh")]
mod path_pattern;
#[cfg(feature = "ssh")]
mod ssh_login;

#[cfg(feature = "ssh")]
pub use authorized_keys::AuthorizedKeysChanger;
#[cfg(feature = "command")]
pub use command::{CommandChanger, CommandProber};
#[cfg(feature = "ssh")]
pub use path_pattern::PathPatternError;
#[cfg(feature = "ssh")]
pub use ssh_login::{ProberSettingError, SshAddress, SshLoginProber};
