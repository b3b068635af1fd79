//! Certificates from servers that speak ACME (RFC 8555), such as that of Let's Encrypt.
//!
//! The plugin is `acme` ([`AcmePlugin`]). It makes an account, places orders, and downloads certificates. A
//! [`Responder`] of the host shows the proofs of names to the server. The plugin waits as long as the server requests,
//! revokes certificates, tells when to renew them (RFC 9773), and changes the key of its account.
//!
//! ```
//! # #[cfg(feature = "double")] {
//! use std::sync::{Arc, Mutex};
//!
//! use keyway_acme::{AcmeDouble, Responder};
//! use keyway_certificates::{
//!     AuthorityName, CertificateAuthorities, CertificateOrder, IntentId, JsonObject, OpenContext, OrderId,
//!     OrderMetadata, OrderOutcome, PluginMeta,
//! };
//! use keyway_core::{Plugins, Resources, plugins};
//! use keyway_seal::{Key, KeyRing};
//! use keyway_storage::{Memory, Storage};
//! use keyway_x509::{AlternativeName, CertificateRequest, DistinguishedName, KeyType, PrivateKey};
//!
//! # pollster::block_on(async {
//! const PLUGINS: Plugins = plugins! { keyway_acme };
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<CertificateAuthorities>("acme")?;
//!
//! // In production: the directory of an authority, a Sqlite file, keys from a key source, and a responder of the host.
//! let server = AcmeDouble::start();
//! let responder: Arc<dyn Responder> = server.responder();
//! let storage: Arc<dyn Storage> = Arc::new(Memory::new());
//! let keys = KeyRing::new([Key::generate()?])?;
//! let context = OpenContext::new(AuthorityName::new("public")?, plugin.metadata().clone())
//!     .with_configuration(serde_json::json!({ "directory": server.directory(), "agree_to_terms": true }))
//!     .with_resources(Resources::new().with(storage).with(keys).with(responder));
//! let authority = plugin.open(&context)?;
//!
//! // A client makes a key and a request; the order has it as base64 of PEM.
//! let (key, _) = PrivateKey::generate(KeyType::EcdsaP256)?;
//! let names = [AlternativeName::dns("door.example.com")?];
//! let request = CertificateRequest::sign(&key, &DistinguishedName::empty(), &names)?;
//! let metadata = serde_json::json!({ "request_data": base64(&request.to_pem()) });
//! let metadata = OrderMetadata::from_json(metadata.to_string().as_bytes())?;
//! let meta = PluginMeta::new(JsonObject::new(), Arc::new(Mutex::new(JsonObject::new())));
//! let intent = IntentId::new("intent-1").unwrap();
//! let order = CertificateOrder::new(OrderId::new("order-1")?, intent, metadata, meta);
//!
//! // An engine calls again when the delay has passed.
//! let mut outcome = authority.issue(&order).await?;
//! while outcome.waiting().is_some() {
//!     outcome = authority.check(&order).await?;
//! }
//! assert!(matches!(outcome, OrderOutcome::Generated(_)));
//! assert!(server.proofs().is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! # fn base64(text: &str) -> String {
//! #     use base64::Engine as _;
//! #     base64::engine::general_purpose::STANDARD.encode(text)
//! # }
//! # }
//! ```
//!
//! # Orders
//!
//! | field of the order | |
//! | --- | --- |
//! | `request_type` | `custom` or `simple-cmc` with `request_data`, or `stored-key`, for which the host makes the request |
//! | `request_data` | base64 of one request of PKCS#10 in PEM |
//! | `replaces` | the certificate in PEM that the new one replaces, for servers with renewal information |
//!
//! The names are those of the request: up to 100 host names, wildcards (by `dns-01`) and IP addresses (by `http-01`).
//! The subject is empty or one common name, which is a host name too. Servers ignore everything else, so a request that
//! asks for more is not supported (decision B11a).
//!
//! # The steps of an order
//!
//! `issue` places the order and shows the proofs. `check` looks at the order, finalizes it, and downloads the chain.
//! The proofs are removed before the finalization, and when an order ends in any other way. If a proof cannot be
//! removed, the plugin tries again before the order continues; a certificate waits for that for ten calls at most
//! (decision H357). A cancel removes the proofs and deactivates the authorizations, except those that other open orders
//! of the connection use: the last of these orders removes the proofs. A placed order is never changed (decision B16).
//!
//! Each call ends within `call_seconds` if its last call of the responder does, and the next call continues. The
//! requests of a call block the thread.
//!
//! # After a crash
//!
//! Placing an order twice makes two orders at the server. So the plugin makes a checkpoint before it places an order,
//! and a record after that; each order at the server belongs to one order of the host. After a kill between the
//! checkpoint and the record, the plugin searches the account's list of orders for an open order with the same names.
//! If no order of the host has claimed that order yet, the plugin claims it. At a server without such a list, the
//! plugin places another order, and the first one expires. No order is finalized twice: if the server says that an
//! order is not ready, the plugin reads the order (decision H150).
//!
//! # Storage
//!
//! The host passes an `Arc<dyn Storage>` and a [`KeyRing`](keyway_seal::KeyRing) to the plugin. The account with its
//! key, the open orders, and the revocations that succeeded are sealed records. Several handles and processes may use
//! one connection. Each pair of a connection name and a directory has an account of its own. When the host's keys
//! change, [`Acme::reseal`] seals the records with the new key (decision H344).
//!
//! # Features
//! `double`: `AcmeDouble`, a server for tests. `schemars`: the JSON schema of [`AcmeConfiguration`]. Both features are
//! off by default.

mod account;
mod account_key;
mod account_record;
mod acme;
mod cancellation;
mod certificate;
mod client;
mod configuration;
mod documents;
#[cfg(feature = "double")]
mod double;
mod external_account;
mod failure;
mod http;
mod jws;
mod kept;
mod open_orders;
mod operations;
mod order_request;
mod placement;
mod plugin;
mod problem;
mod progress;
mod proof;
mod proving;
mod records;
mod renewal;
mod responder;
mod revocation;
mod rotation;

pub use acme::Acme;
pub use configuration::{AcmeConfiguration, ChallengeKind};
#[cfg(feature = "double")]
pub use double::{AcmeDouble, DoubleSettings};
pub use external_account::{ExternalAccount, InvalidExternalAccount};
pub use plugin::AcmePlugin;
pub use responder::{Proof, Responder, Visibility};

keyway_certificates::register! {
    keyway_certificates::CertificateAuthorities {
        id: "acme",
        name: "ACME",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261129,
        compatibility: ">=:1.0,<:2.0",
        description: "Gets certificates from servers that speak ACME (RFC 8555)",
        plugin: AcmePlugin,
    }
}
