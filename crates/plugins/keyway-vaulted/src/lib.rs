//! A credential store over any secret store of the host.

mod account;
mod accounts;
mod certificates;
mod configuration;
mod machine;
mod new_credential;
mod plugin;
mod returning;
mod rotation;
mod store;
#[cfg(all(unix, any(feature = "command", feature = "ssh")))]
pub mod targets;

pub use account::{AccountError, StoredAccount, TotpSeed};
pub use configuration::{CertificateConfiguration, RotationConfiguration, VaultedConfiguration};
pub use new_credential::KeyKind;
pub use plugin::VaultedPlugin;
pub use store::VaultedStore;

keyway_core::register! {
    keyway_credentials::CredentialStores {
        id: "vaulted",
        name: "Keyway Vaulted",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261129,
        compatibility: ">=:1.0,<:2.0",
        description: "Credentials in a secret store of the host, with rotation at their target",
        plugin: VaultedPlugin,
    }
}
