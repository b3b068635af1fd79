//! The reference secret store: sealed records on any storage engine.

mod bytes;
mod counters;
mod deletion;
mod environment_record;
mod environments;
mod handle;
mod header;
mod layout;
mod plugin;
mod record;
mod rotation;
mod sealed_note;
mod secrets;
mod settings;
mod storage_error;
mod store;
mod structured_codec;

pub use plugin::{GenericConfiguration, GenericPlugin};
pub use store::GenericStore;

keyway_core::register! {
    keyway_secrets::SecretStores {
        id: "generic",
        name: "Keyway Generic",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261121,
        compatibility: ">=:1.0,<:2.0",
        plugin: GenericPlugin,
    }
}
