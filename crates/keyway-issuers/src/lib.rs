//! The contract for issuers.

mod capabilities;
mod credential;
mod description;
mod error;
mod json;
mod plugin;
mod register;
mod request;
mod secret_text;
mod service;
mod state;
mod user;
mod violation;
pub mod wire;

pub use capabilities::Capabilities;
pub use credential::{CredentialPart, FieldSize, Issued, LoginRequired, Outcome, PartKind};
pub use description::{
    Configuration, ConfigurationDescriptor, ConfigurationType, ConfigurationValue, Description,
    DescriptionBuilder, Features, ParameterDescriptor, ParameterSet, ParameterType, UserInterface,
    fitting_set,
};
pub use error::{BoxedError, ContractViolation, IssuerError};
pub use json::{Duplicates, Float, Json, JsonError, JsonFault, JsonKind, JsonObject, Reader, Trailing};
pub use plugin::{Issuer, IssuerPlugin, Opening};
pub use register::Issuers;
pub use request::{
    Action, Context, CredentialRequest, IntendedEffect, IntentId, Parameters, Reconciled, Reconciliation,
    Revocation,
};
pub use secret_text::SecretText;
pub use service::{InvalidServiceName, ServiceName};
pub use state::State;
pub use user::{Login, UserId, UserInfo};
pub use violation::{Rule, Violation, Violations};

pub use async_trait::async_trait;
pub use keyway_core::{self as core, register};
