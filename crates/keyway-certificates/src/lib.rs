//! The contract for certificate plugins: connections to certificate authorities, which take orders and
//! make certificates.
//!
//! This crate is independent of any runtime (decision R1).

mod ca;
mod capabilities;
mod error;
mod events;
mod layer;
mod life;
mod limits;
mod metadata;
mod method;
mod order;
mod outcome;
mod plugin;
mod plugin_meta;
mod reconciliation;
mod register;
mod request_type;
mod status;
mod text;

pub use ca::{CaInformation, CreateCa, DeleteCa};
pub use capabilities::Capabilities;
pub use error::{BoxedError, CertificateError};
pub use events::{CaUnavailable, CertificateEvents, CertificateReady};
pub use layer::{Call, CertificateAuthorityLayer, Layered};
pub use life::{CertificateRevocation, InvalidWindow, RenewalInformation, RenewalQuestion, RevocationReason};
pub use metadata::{MetadataError, MetadataFault, OrderMetadata};
pub use method::{RetryMethod, UnknownMethod};
pub use order::{CertificateOrder, OrderRequest, RequestContext, Support};
pub use outcome::{ClientMessage, IssuedCertificate, OrderOutcome, Waiting};
pub use plugin::{CertificateAuthority, CertificatePlugin, OpenContext};
pub use plugin_meta::{Checkpoint, PluginMeta, PluginMetaError};
pub use reconciliation::{IntendedCall, IntendedEffect, ObjectRef, Reconciled, Reconciliation};
pub use register::CertificateAuthorities;
pub use request_type::{RequestType, RequestTypes};
pub use status::{CertificateStatus, UnknownStatus};
pub use text::{AuthorityName, CaId, InvalidText, OrderId, Owner, Pem};

pub use async_trait::async_trait;
pub use keyway_core::{self as core, IntentId, Json, JsonObject, SecretText, register};
