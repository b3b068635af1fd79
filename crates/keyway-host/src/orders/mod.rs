//! The engine for certificate authorities.
//!
//! A client *places* an order. [`Orders`] chooses a connection to an authority, and asks the connection's plugin to
//! issue the certificate. The host checks the status of the order as often as the authority wants. Then it checks the
//! certificate, and keeps it. Until the certificate is made, the client can change or cancel the order (Barbican seed,
//! "Barbican Core Plugin Sequence").
//!
//! ```
//! # mod desk {
//! # use keyway_certificates::{
//! #     CaId, CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder,
//! #     IssuedCertificate, OrderOutcome, OrderRequest, Pem, Support, Waiting, async_trait,
//! # };
//! # #[derive(Debug)]
//! # pub struct Clerk;
//! # #[async_trait]
//! # impl CertificateAuthority for Clerk {
//! #     fn capabilities(&self) -> Capabilities { Capabilities::MINIMAL.idempotent(true).cancels(true) }
//! #     async fn supports(&self, _: &OrderRequest) -> Result<Support, CertificateError> { Ok(Support::Yes) }
//! #     async fn issue(&self, _: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
//! #         let waiting = Waiting::new("A clerk will look at your order.");
//! #         Ok(OrderOutcome::WaitingForCa(waiting.retry_after(std::time::Duration::from_millis(20))))
//! #     }
//! #     async fn check(&self, _: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
//! #         Ok(IssuedCertificate::new(Pem::new(CERTIFICATE)?).into())
//! #     }
//! #     async fn cancel(&self, _: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
//! #         Ok(OrderOutcome::Canceled("The clerk threw your order away.".into()))
//! #     }
//! #     async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
//! #         Ok(vec![CaInformation::new(CaId::new("desk")?, "The desk")])
//! #     }
//! # }
//! # const CERTIFICATE: &str =
//! #     include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/orders/pem/certificate.pem"));
//! # }
//! use std::sync::Arc;
//!
//! use keyway_certificates::{AuthorityName, OrderMetadata, Owner};
//! use keyway_core::Registry;
//! use keyway_host::Host;
//! use keyway_host::orders::{Authority, End, IssuedBy, NewOrder, OrderStatus, Phase};
//! use keyway_seal::{Key, KeyRing};
//! use keyway_storage::Memory;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A host with one connection. `Authority::new` names a linked plugin instead.
//! let desk = Authority::with_authority(AuthorityName::new("desk")?, Arc::new(desk::Clerk));
//! let (registry, keys) = (Registry::builder().build()?, KeyRing::new([Key::generate()?])?);
//! let host = Host::builder(registry, Arc::new(Memory::new()), keys).authority(desk).start().await?;
//!
//! // The host's loop asks the authorities, until it is told to stop.
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let running = tokio::spawn({
//!     let host = host.clone();
//!     async move { host.run(async { drop(stopped.await) }).await }
//! });
//!
//! // A client places an order, and waits for its end.
//! let (orders, joe) = (host.orders(), Owner::new("joe")?);
//! let metadata = OrderMetadata::from_json(br#"{"name": "door.example.com"}"#)?;
//! let order = orders.submit(NewOrder::new(joe.clone(), metadata)).await?;
//! assert_eq!(order.state.status(), OrderStatus::Pending);
//! let order = orders.wait_for(&joe, &order.id).await?;
//! assert_eq!(order.state.phase, Phase::Finished(End::Generated));
//! assert!(order.state.certificate.unwrap().certificate.as_str().starts_with("-----BEGIN CERTIFICATE-----"));
//!
//! // The log of issued certificates knows it by its names and its serial number.
//! let issued = orders.issued(IssuedBy::Name("door.example.com"), None, 10).await?;
//! assert_eq!(issued.entries[0].order, order.id);
//!
//! drop(stop);
//! running.await??;
//! # Ok(())
//! # }
//! ```
//!
//! # The steps of an order
//!
//! 1. The metadata is [validated](validate), and the [policy](OrderPolicy) is asked. An error names the field.
//! 2. The authority is chosen once: the one in `ca_id`, or else the one that the owner
//!    [prefers](Orders::prefer), or else the first connection that supports the order (decision B10).
//! 3. The order is stored. From now on a crash loses nothing.
//! 4. The host's loop asks the plugin to issue the certificate, and then acts on the outcome (decisions B1 to
//!    B7).
//! 5. The certificate is checked. It must have the key of the request and every name in the request, its chain
//!    must link, it must be valid now, and the policy must allow its names (decisions B11, B11a). If the
//!    certificate breaks a rule, the order keeps it and fails, and the log shows it as
//!    [quarantined](KeptAs::Quarantined) (decision H322).
//! 6. The certificate is sealed in the order, added to the [log](Orders::issued), and written to the [secret
//!    store](crate::HostBuilder::certificate_store) of the host. Then the order is active (decision B13).
//! 7. The [listeners](crate::HostBuilder::certificate_events) are told, at least once.
//! 8. Afterwards, its owner may [revoke](Orders::revoke) the certificate. If an order has a
//!    [renewal](NewOrder::with_renewal), the host places the next order before the certificate expires
//!    (decision B18).
//!
//! `machine.rs` has the full table of events and phases.
//!
//! # Plugins that fail
//!
//! | the plugin | the order |
//! | --- | --- |
//! | answers `CaUnavailable`, or an error that it cannot be reached | the same is asked again, as often as [`Retries`] says |
//! | answers another error without an effect, or panics | fails, with the reason |
//! | passes the deadline, or fails with an unknown effect, and is idempotent | is asked again with the same ids |
//! | the same, and reconciles | is asked what happened |
//! | the same, and made a checkpoint in this call | is checked |
//! | the same, and can do none of that | waits for a person's [decision](Orders::decide) |
//! | makes a certificate for an order that is canceled or has ended | keeps it as [late](OrderState::late), and it is revoked; so are further ones, one after another (H365) |
//!
//! If a host stops during a plugin's call, this counts as a passed deadline (decision B6).
//!
//! When an order passes its own deadline, when its attempts are used up, or when a person gives it up, the authority
//! may still work on it. The order ends at once, and the host then asks the authority to cancel it, if the authority
//! can, and as often as [`Retries`] says. A deleted order keeps its record until then (decision H321).
//!
//! # Several hosts
//!
//! Hosts may share a storage engine. A worker claims an order before it calls the plugin, as in all engines of this
//! crate (decision R5). If a client changes or cancels the order during the call, the wish is stored, and is carried
//! out after the answer. If a worker has lost its claim, its answer is ignored unless it is a certificate.
//!
//! # Connections that are gone
//!
//! The orders of a connection rest while no host opens it: they pass their deadlines, and deleted ones stay. The
//! connection counts as one of the [`unowned_lanes`](crate::EngineHealth::unowned_lanes) of
//! [`Host::health`](crate::Host::health).
//! If the connection does not come back, open one of the same name with an authority of your own
//! ([`Authority::with_authority`]) that has no capabilities, and answers `InvalidOperation` to `issue` and `check`.
//! Each order then ends at its next action. An order whose last call was not answered waits for a
//! [decision](Orders::decide) instead: give it up. Nothing is canceled or revoked at the authority that is gone. The
//! [log of issued certificates](Orders::issued) has the certificates that no host revoked.
//!
//! # Subordinate authorities
//!
//! An owner may [create](subordinate) subordinate authorities under the authorities that it may use, and order
//! certificates from them (decision B19).
//!
//! # Limits
//!
//! * The record of an order is at most 640 KiB: the 512 KiB of decision R8 for the data of client and plugin, and the
//!   host's own.
//! * The host makes the request from a stored key only once. To change the names in it, cancel the order and place a
//!   new one.

mod answers;
mod asking;
mod authority;
mod body;
mod ca_owners;
mod ca_table;
mod cas;
mod checking;
mod checkpoint;
mod container_ref;
mod engine;
mod error;
mod finished;
mod hosted_ca;
mod intents;
mod issuance_log;
mod listeners;
mod machine;
mod name_pattern;
mod order;
mod policy;
mod preference;
mod record;
mod renewal;
mod renewal_order;
mod routing;
mod state;
mod stored_key;
mod storing;
pub mod subordinate;
mod upkeep;
mod validation;
mod verified_orders;
mod wishes;
mod workflow;

pub use crate::plugin::Isolation;
pub use crate::work::{Limits, Retries};
pub use authority::{Authority, AuthorityFault, AuthorityView};
pub use body::{OrderBodyError, read_body};
pub use ca_owners::CaRefusal;
pub use ca_table::CaTable;
pub use container_ref::{ContainerRef, InvalidContainerRef};
pub(crate) use engine::OrderSettings;
pub use engine::Orders;
pub use error::OrdersError;
pub use hosted_ca::{HostedCa, RejectedCa, RejectedCaBecause};
pub use issuance_log::{IssuedBy, IssuedEntry, IssuedPage};
pub use keyway_x509::KeyType;
pub use machine::{Decision, TransitionError};
pub use name_pattern::{InvalidPattern, NamePattern};
pub use order::{NewOrder, Order, OrderPage};
pub use policy::{AllowList, Asked, AskedKey, OrderPolicy, PolicyRefusal, Rule};
pub use renewal::Renewal;
pub use routing::{Candidate, NotTaken, Route, RouteError, route};
pub use state::{Action, End, KeptAs, Late, OrderState, OrderStatus, Phase, Renewing, Revocation, Scheduled};
pub use stored_key::StoredKeyError;
pub use validation::{RequestError, StoredKey, ValidRequest, validate};
