//! The contract for secret stores.

mod address;
mod capabilities;
mod document;
mod environment;
mod error;
mod info;
mod list;
mod plugin;
mod register;
mod rotation;
mod secret;

pub use address::{EnvironmentName, NameError, SecretAddress, SecretName, StoreName};
pub use capabilities::{Capabilities, ListOrder};
pub use document::{Access, Document, DocumentHooks, DocumentStore};
pub use environment::{
    Environment, EnvironmentChange, EnvironmentPage, MAX_EXTERNAL_URL_BYTES, NewEnvironment,
};
pub use error::{BoxedError, StoreError};
pub use info::{Count, StoreInfo};
pub use list::{Cursor, EnvironmentFilter, ListQuery, ListedSecret, SecretPage};
pub use plugin::{Configure, Opening, SecretStore, SecretStorePlugin};
pub use register::SecretStores;
pub use rotation::{Progress, RotationListener};
pub use secret::{MAX_DESCRIPTION_BYTES, NewSecret, Secret, SecretChange, SecretHeader, SecretVersion};

pub use async_trait::async_trait;
pub use keyway_core::{self as core, register};
pub use keyway_seal as seal;
