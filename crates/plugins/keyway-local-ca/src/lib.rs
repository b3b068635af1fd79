//! A certificate authority whose keys and records are on the storage engine of the host.
//!
//! The plugin is `local-ca` ([`LocalCaPlugin`]). It makes a root, or signs with an [imported](LocalCa::import)
//! authority. It creates authorities below that, makes certificates from requests of PKCS#10, revokes certificates, and
//! signs revocation lists. All its data are records of a storage engine; keys are sealed.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use keyway_certificates::{
//!     AuthorityName, CertificateAuthorities, CertificateAuthority as _, CertificateOrder, CertificateRevocation,
//!     IntentId, JsonObject, OpenContext, OrderId, OrderMetadata, OrderOutcome, PluginMeta, RevocationReason,
//! };
//! use keyway_core::{Plugins, Resources, SystemClock, Clock, plugins};
//! use keyway_local_ca::LocalCa;
//! use keyway_seal::{Key, KeyRing};
//! use keyway_storage::{Memory, Storage};
//! use keyway_x509::{AlternativeName, CertificateRequest, Expected, KeyType, PrivateKey, check_issued};
//!
//! # pollster::block_on(async {
//! // A host lists its plugins once, and lends storage and keys.
//! const PLUGINS: Plugins = plugins! { keyway_local_ca };
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<CertificateAuthorities>("local-ca")?;
//! let storage: Arc<dyn Storage> = Arc::new(Memory::new()); // in production: a Sqlite file
//! let keys = KeyRing::new([Key::generate()?])?; // in production: from a key source
//! let context = OpenContext::new(AuthorityName::new("office")?, plugin.metadata().clone())
//!     .with_configuration(serde_json::json!({
//!         "root": { "subject": "CN=Office Root,O=Example" },
//!         "revocation_list_url": "http://ca.example.com/{ca}.crl",
//!     }))
//!     .with_resources(Resources::new().with(storage).with(keys));
//! let authority = plugin.open(&context)?;
//!
//! // A client makes a key and a request; the order has it as base64 of PEM.
//! let (key, _) = PrivateKey::generate(KeyType::EcdsaP256)?;
//! let names = [AlternativeName::dns("door.example.com")?];
//! let request = CertificateRequest::sign(&key, &"CN=door.example.com".parse()?, &names)?;
//! let metadata = serde_json::json!({ "request_data": base64(&request.to_pem()), "days": 30 });
//! let metadata = OrderMetadata::from_json(metadata.to_string().as_bytes())?;
//! let meta = PluginMeta::new(JsonObject::new(), Arc::new(Mutex::new(JsonObject::new())));
//! let intent = IntentId::new("intent-1").unwrap();
//! let order = CertificateOrder::new(OrderId::new("order-1")?, intent, metadata, meta);
//! let OrderOutcome::Generated(issued) = authority.issue(&order).await? else { panic!() };
//!
//! // It is the ordered one: the host checks that before it stores it.
//! let root = authority.default_ca().await?.unwrap().signing_certificate.unwrap();
//! let expected = Expected::from_request(&request);
//! let now = SystemClock.now();
//! check_issued(issued.certificate.as_str(), Some(root.as_str()), &expected, now)?;
//! // A repeated call returns the same certificate.
//! assert_eq!(authority.issue(&order).await?, issued.clone().into());
//!
//! // The host that publishes revocation lists opens the authority by its type.
//! let local = LocalCa::new(&context)?;
//! let revocation = CertificateRevocation::new(
//!     IntentId::new("intent-2").unwrap(),
//!     issued.certificate,
//!     RevocationReason::KeyCompromise,
//! );
//! authority.revoke(&revocation).await?;
//! for (ca, list) in local.renew_revocation_lists().await? {
//!     assert_eq!((ca.as_str(), list.number), ("base", 1));
//!     // Here a host writes `list.der` to the place that `revocation_list_url` names.
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! # fn base64(text: &str) -> String {
//! #     use base64::Engine as _;
//! #     base64::engine::general_purpose::STANDARD.encode(text)
//! # }
//! ```
//!
//! # In a host
//!
//! A host connects the plugin by its id: `Authority::new(name, "local-ca").plugin_configuration(..)`. It lends its
//! storage by itself, and the keys by `Host::builder(..).resources(Resources::new().with(keys))`, where `keys` is a
//! `KeyRing`. [`LocalCa::new`] gets the same configuration, storage and keys, and the name of the connection.
//! `crates/keyway/examples/host/local_ca.rs` shows it whole.
//!
//! # Orders
//!
//! | field of the order | |
//! | --- | --- |
//! | `request_type` | `custom` or `simple-cmc` with `request_data`, or `stored-key`, for which the host makes the request |
//! | `request_data` | base64 of one request of PKCS#10 in PEM |
//! | `days` | the validity, at most `most_days`; the default is `days` of the configuration |
//!
//! The certificate has the key, the subject and the alternative names of the request. An order is refused if its
//! request asks for more than the authority makes: the certificate of an authority (decision B15), other extensions
//! than key usages and names, other usages than those of TLS and signatures, or other kinds of names than DNS, IP,
//! e-mail and URI. The error names the reason. No part of a request is silently ignored, except for a proposed key
//! identifier and the attribute `challengePassword`.
//!
//! # Certificates
//!
//! Certificates are X.509 version 3. Each has a serial number of 16 random bytes, basic constraints, key usages, the
//! identifiers of its own key and of the authority's key, and the configured addresses of the revocation list and of
//! the issuer. Their validity begins `backdate_minutes` before their issue, but lies within that of their authority.
//! Keys of authorities are ECDSA on P-256 or P-384, or Ed25519. Imported keys may also be RSA with 2048 to 4096 bits.
//!
//! # Authorities
//!
//! The first operation makes the configured root, with the id `base`. The operations of the contract create and delete
//! authorities below it, within the limits of path lengths, and of the chains that a host accepts
//! ([`MAX_INTERMEDIATES`](keyway_x509::MAX_INTERMEDIATES), [`MAX_CHAIN_BYTES`](keyway_x509::MAX_CHAIN_BYTES)). When an
//! authority is deleted, its key is destroyed, its parent revokes its certificate, and its id is never used again. An
//! authority that has others below it cannot be deleted. No two authorities have the same subject (decision H342). What
//! an [imported](LocalCa::import) authority signs keeps within the path lengths and the validity of its whole chain
//! (decision H343).
//!
//! # Revocation lists
//!
//! [`LocalCa::revocation_list`] returns the list of an authority. A new list is signed after a revocation, and when
//! half of the validity of the last list has passed. The host's engine for certificate orders takes care of this; a
//! host without that engine calls [`LocalCa::renew_revocation_lists`]. The host publishes the lists. An entry stays for
//! ever, even after its certificate has expired.
//!
//! # Storage
//!
//! The host passes an `Arc<dyn Storage>` and a [`KeyRing`](keyway_seal::KeyRing) to the plugin. Every effect is one
//! atomic commit, so after a kill at any point the effect is either done or not, and repeating the call completes it.
//! Several handles and processes may use one connection. Authorities and orders are sealed, and each record is bound to
//! its key in the storage. Revocations are in the clear, because the list publishes them. [`LocalCa::reseal`] seals the
//! records with a new key. The plugin does not detect a record that is removed, or an older copy that is put back.
//!
//! # Features
//! `encrypted-keys`: imported keys under a passphrase. `schemars`: the JSON schema of [`LocalCaConfiguration`]. Both
//! features are off by default.

mod authority;
mod authority_record;
mod base;
mod chain_limits;
mod client_request;
mod configuration;
mod import;
mod issue;
mod list_record;
mod local_ca;
mod operations;
mod order_record;
mod pem;
mod plugin;
mod records;
mod renewal;
mod revocation;
mod revocation_list;
mod rotation;
mod storage_error;
mod subjects;
mod subordinate;

pub use configuration::{AuthorityKey, LocalCaConfiguration, RootConfiguration};
pub use local_ca::LocalCa;
pub use plugin::LocalCaPlugin;
pub use revocation_list::RevocationList;

keyway_certificates::register! {
    keyway_certificates::CertificateAuthorities {
        id: "local-ca",
        name: "Local CA",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261129,
        compatibility: ">=:1.0,<:2.0",
        description: "Makes certificates with authorities of its own, on the storage of the host",
        plugin: LocalCaPlugin,
    }
}
