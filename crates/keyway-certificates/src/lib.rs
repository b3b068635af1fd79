//! The contract for certificate plugins. A plugin connects to certificate authorities, which take orders and make
//! certificates.
//!
//! A client *orders* a certificate. The host chooses a connection, and asks its plugin to *issue* the order at the
//! *authority*. An authority that needs a person, or a proof of a domain, answers that the order waits, and the host
//! *checks* the order later, at the times that the authority chooses. The host keeps the order, the client's data and
//! the plugin's own data; a plugin keeps nothing between calls. The operations are those of the Barbican seed.
//!
//! ```text
//!              issue                           check
//!  (nothing) ─────────► waiting for the CA ◄──────────────┐
//!                        │        │      └────────────────┤
//!                        │        ├──► client data issue ─┤  modify: the client's new data
//!                        │        └──► CA unavailable ────┘  the same method again
//!                        │
//!                        ├──► certificate generated
//!                        ├──► request canceled               cancel, or the authority's decision
//!                        └──► invalid operation
//! ```
//!
//! Each answer is an [`OrderOutcome`], which says what the host calls next. Every outcome can come from
//! every method.
//!
//! # A complete plugin
//!
//! This authority makes each certificate only when the order is checked, as an authority does where a person decides.
//!
//! ```
//! # mod desk {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use keyway_certificates::{
//!     CaId, CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder,
//!     CertificatePlugin, IssuedCertificate, OpenContext, OrderOutcome, OrderRequest, Pem, Support, Waiting,
//!     async_trait,
//! };
//!
//! /// The plugin. Its name is in `register!`.
//! #[derive(Debug)]
//! pub struct Desk;
//!
//! impl CertificatePlugin for Desk {
//!     fn open(&self, _: &OpenContext) -> Result<Arc<dyn CertificateAuthority>, CertificateError> {
//!         Ok(Arc::new(Clerk))
//!     }
//! }
//!
//! /// One connection. It keeps nothing: an order's data come with each call.
//! #[derive(Debug)]
//! struct Clerk;
//!
//! #[async_trait]
//! impl CertificateAuthority for Clerk {
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::MINIMAL.cancels(true)
//!     }
//!
//!     async fn supports(&self, request: &OrderRequest) -> Result<Support, CertificateError> {
//!         Ok(match request.metadata.required_text("name")? {
//!             name if name.ends_with(".example.com") => Support::Yes,
//!             _ => Support::no("only names below example.com"),
//!         })
//!     }
//!
//!     async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
//!         // What a later call needs is kept with the order. The checkpoint comes before the effect:
//!         // after a crash the host then checks the order, and does not place it twice.
//!         order.plugin_meta.set("ticket", order.id.as_str())?;
//!         order.plugin_meta.checkpoint().await?;
//!         // Here a real plugin sends the order to its authority.
//!         let waiting = Waiting::new("A clerk will look at your order.");
//!         Ok(OrderOutcome::WaitingForCa(waiting.retry_after(Duration::from_secs(60))))
//!     }
//!
//!     async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
//!         let Some(_ticket) = order.plugin_meta.text("ticket") else {
//!             return Ok(OrderOutcome::InvalidOperation("The clerk has no such order.".into()));
//!         };
//!         // Here a real plugin asks its authority for the ticket. The host checks the certificate.
//!         Ok(IssuedCertificate::new(Pem::new(CERTIFICATE)?).into())
//!     }
//!
//!     async fn cancel(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
//!         order.plugin_meta.remove("ticket");
//!         Ok(OrderOutcome::Canceled("The clerk threw your order away.".into()))
//!     }
//!
//!     async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
//!         Ok(vec![CaInformation::new(CaId::new("desk")?, "The desk").with_description("Takes its time")])
//!     }
//! }
//!
//! /// A certificate made for this page.
//! const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
//! MIIBTDCB/6ADAgECAhQdW+ppcoFB0A+P3y6tDpg/PusGADAFBgMrZXAwGzEZMBcG
//! A1UEAwwQZG9vci5leGFtcGxlLmNvbTAgFw0yNjExMjkwNjU5NTdaGA8yMTI2MTEw
//! NTA2NTk1N1owGzEZMBcGA1UEAwwQZG9vci5leGFtcGxlLmNvbTAqMAUGAytlcAMh
//! AItsCJkafMhIxT9RjjUBnnbzDjbLIW8/8+q3RSr5ohdWo1MwUTAdBgNVHQ4EFgQU
//! 8VkdvT4fsbkQok0eF21NugzSRRYwHwYDVR0jBBgwFoAU8VkdvT4fsbkQok0eF21N
//! ugzSRRYwDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXADQQCRmdBZII7shwwbU9EILTe0
//! ym/JUVB1JGgDauZzGhyv3MTWYGnSsvIiQhBY9FgSkD0IoECjn7u6zr7MSVz5CCIB
//! -----END CERTIFICATE-----
//! ";
//!
//! keyway_certificates::register! {
//!     keyway_certificates::CertificateAuthorities {
//!         id: "desk",
//!         name: "Desk",
//!         version: "1.0.0",
//!         author: "Ada <ada@example.org>",
//!         updated: 20261129,
//!         compatibility: ">=:1.0,<:2.0",
//!         description: "Makes certificates at the second look",
//!         plugin: Desk,
//!     }
//! }
//! # }
//!
//! // A host finds it by its id. This one does not use an engine, which keeps orders and calls on time.
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//!
//! use keyway_certificates::core::{Effect, ErrorKind, PluginError, Plugins, plugins};
//! use keyway_certificates::{
//!     AuthorityName, CertificateAuthorities, CertificateOrder, CertificateStatus, IntentId, JsonObject,
//!     OpenContext, OrderId, OrderMetadata, OrderOutcome, OrderRequest, PluginMeta, RetryMethod, Support,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # pollster::block_on(async {
//! const PLUGINS: Plugins = plugins! { desk };
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<CertificateAuthorities>("desk")?;
//! let name = AuthorityName::new("front-desk")?;
//! let desk = plugin.open(&OpenContext::new(name, plugin.metadata().clone()))?;
//! assert_eq!(desk.default_ca().await?.unwrap().name, "The desk");
//!
//! // The plugin is asked first whether it can.
//! let metadata = OrderMetadata::from_json(br#"{"name": "door.example.com"}"#)?;
//! assert!(desk.capabilities().request_types.contains(&metadata.request_type()?));
//! assert_eq!(desk.supports(&OrderRequest::new(metadata.clone())).await?, Support::Yes);
//! let nameless = OrderRequest::new(OrderMetadata::default());
//! let refused = desk.supports(&nameless).await.unwrap_err();
//! assert_eq!((refused.kind(), refused.effect()), (ErrorKind::Invalid, Effect::None));
//! assert_eq!(refused.client_message(), "the metadata of the order: name: it is missing");
//!
//! // The host keeps a handle to the plugin's data. Here, checkpoints go into memory.
//! let saved = Arc::new(Mutex::new(JsonObject::new()));
//! let meta = PluginMeta::new(JsonObject::new(), saved.clone());
//! let intent = IntentId::new("intent-1").unwrap();
//! let order = CertificateOrder::new(OrderId::new("order-1")?, intent, metadata, meta);
//!
//! let outcome = desk.issue(&order).await?;
//! assert_eq!(outcome.status().as_str(), "waiting for CA");
//! assert_eq!(outcome.message().as_str(), "A clerk will look at your order.");
//! assert_eq!(outcome.waiting().unwrap().retry_after, Some(Duration::from_secs(60)));
//! assert_eq!(outcome.next_method(RetryMethod::Issue), Some(RetryMethod::Check));
//! assert!(saved.lock().unwrap().contains_key("ticket"));
//!
//! let OrderOutcome::Generated(issued) = desk.check(&order).await? else { panic!() };
//! assert!(issued.certificate.as_str().starts_with("-----BEGIN CERTIFICATE-----"));
//!
//! assert_eq!(desk.cancel(&order).await?.status(), CertificateStatus::Canceled);
//! assert!(order.plugin_meta.snapshot().is_empty());
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Every member
//!
//! Of [`CertificatePlugin`]:
//!
//! | member | a plugin | the host calls it | seed |
//! | --- | --- | --- | --- |
//! | [`check_configuration`](CertificatePlugin::check_configuration) | may have it | before it stores a configuration | |
//! | [`open`](CertificatePlugin::open) | must have it | once for a connection, and after a panic | "Plugin Base Class" |
//!
//! Of [`CertificateAuthority`]. A member with a capability answers `Unsupported` by default, and the host calls
//! it only if the capability is declared:
//!
//! | member | a plugin | the host calls it | seed |
//! | --- | --- | --- | --- |
//! | [`capabilities`](CertificateAuthority::capabilities) | must have it | once for a handle | `supported_request_types`, `supports_create_ca` |
//! | [`supports`](CertificateAuthority::supports) | must have it | for every order, before `issue` | sequence, 1 |
//! | [`issue`](CertificateAuthority::issue) | must have it | to place an order, and again after `CaUnavailable` | sequence, 2 |
//! | [`check`](CertificateAuthority::check) | must have it | as long as an order is open, after the delay | sequence, 3 |
//! | [`modify`](CertificateAuthority::modify) | capability `modifies` | when the client updates an open order | sequence, 4 |
//! | [`cancel`](CertificateAuthority::cancel) | capability `cancels` | when the client cancels or deletes an open order, or the host gives it up | sequence, 5 |
//! | [`ca_information`](CertificateAuthority::ca_information) | must have it | at the start, and when a description expires | `get_ca_info` |
//! | [`default_ca`](CertificateAuthority::default_ca) | may have it | with `ca_information` | `get_default_ca_name`, `get_default_signing_cert`, `get_default_intermediates` |
//! | [`create_ca`](CertificateAuthority::create_ca) | capability `creates_cas` | when a client creates a subordinate authority | `create_ca` |
//! | [`delete_ca`](CertificateAuthority::delete_ca) | capability `deletes_cas` | when its owner deletes it | `delete_ca` |
//! | [`revoke`](CertificateAuthority::revoke) | capability `revokes` | when a client revokes a certificate, or one comes too late | decision B18 |
//! | [`renewal_information`](CertificateAuthority::renewal_information) | capability `renewal_information` | until the renewal is due | decision B18 |
//! | [`maintain`](CertificateAuthority::maintain) | capability `maintains` | after the start, when it asked for it, after changes, and daily | decision H166 |
//! | [`reconcile`](CertificateAuthority::reconcile) | capability `reconciles` | after a crash or a passed deadline | decision R2 |
//!
//! In the last column, *sequence* is the chapter "Barbican Core Plugin Sequence". The names in that column are those of
//! the upstream system's base class, whose documentation the seed includes.
//!
//! Of [`CertificateEvents`], which a host application implements, not a plugin:
//!
//! | member | the host calls it | seed |
//! | --- | --- | --- |
//! | [`certificate_is_ready`](CertificateEvents::certificate_is_ready) | when a certificate is stored | `notify_certificate_is_ready` |
//! | [`certificate_expires`](CertificateEvents::certificate_expires) | some time before a certificate expires that is not renewed | decision B18 |
//! | [`ca_is_unavailable`](CertificateEvents::ca_is_unavailable) | after `CaUnavailable` | `notify_ca_is_unavailable` |
//!
//! Of [`Checkpoint`], which the host implements:
//!
//! | member | a plugin causes it by | seed |
//! | --- | --- | --- |
//! | [`save`](Checkpoint::save) | [`PluginMeta::checkpoint`] | decision B9 |
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | the operations, and the rules for all of them | [`CertificateAuthority`] |
//! | an authority that wraps another one | [`CertificateAuthorityLayer`] |
//! | the resources that a host gives a plugin | [`OpenContext`] |
//! | an order, and the client's and the plugin's data | [`CertificateOrder`], [`OrderMetadata`], [`PluginMeta`] |
//! | answers, and when they are called for | [`OrderOutcome`], [`Waiting`], [`CertificateStatus`] |
//! | types of requests | [`RequestType`], [`RequestTypes`] |
//! | the verified request of PKCS#10 of an order | `OrderMetadata::pkcs10`, with the feature `pkcs10` |
//! | authorities, also subordinate ones | [`CaInformation`], [`CreateCa`], [`DeleteCa`] |
//! | revocation and renewal | [`CertificateRevocation`], [`RenewalInformation`] |
//! | failures | [`CertificateError`] |
//! | repeated calls and crashes | [`IntentId`], [`Reconciliation`] |
//! | JSON | [`Json`], [`core::json`] |
//!
//! # Limits
//!
//! | of an order | at most |
//! | --- | --- |
//! | [`OrderMetadata`] | 64 KiB, 32 levels |
//! | [`PluginMeta`] | 128 KiB, 32 levels |
//! | [`Pem`], each | 64 KiB |
//! | [`ClientMessage`] | 1000 bytes |
//!
//! So an order with all its parts stays below the 512 KiB of decision R8. A host also keeps the certificate that a
//! renewal replaces, and data of its own, so the record of an order may have 640 KiB.
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
#[cfg(feature = "pkcs10")]
mod pkcs10;
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
pub use events::{CaUnavailable, CertificateEvents, CertificateExpires, CertificateReady};
pub use layer::{Call, CertificateAuthorityLayer, Layered};
pub use life::{CertificateRevocation, InvalidWindow, RenewalInformation, RenewalQuestion, RevocationReason};
pub use metadata::{MetadataError, MetadataFault, OrderMetadata};
pub use method::{RetryMethod, UnknownMethod};
pub use order::{CertificateOrder, OrderRequest, RequestContext, Support};
pub use outcome::{ClientMessage, IssuedCertificate, OrderOutcome, Waiting};
#[cfg(feature = "pkcs10")]
pub use pkcs10::{Pkcs10, RequestDataError};
pub use plugin::{CertificateAuthority, CertificatePlugin, OpenContext};
pub use plugin_meta::{Checkpoint, PluginMeta};
pub use reconciliation::{IntendedCall, IntendedEffect, ObjectRef, Reconciled, Reconciliation};
pub use register::CertificateAuthorities;
pub use request_type::{RequestType, RequestTypes};
pub use status::{CertificateStatus, UnknownStatus};
pub use text::{AuthorityName, CaId, OrderId, Owner, Pem};

pub use async_trait::async_trait;
pub use keyway_core::json::ObjectLimit;
pub use keyway_core::{self as core, IntentId, InvalidText, Json, JsonObject, SecretText, register};
