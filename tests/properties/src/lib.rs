//! Properties that must hold for any bytes, one function for each fuzz target.
//!
//! `cargo xtask fuzz` runs them on a fuzzer's inputs, and the test `corpora` of this package on every file under
//! `fuzz/corpus`, so that these files are checked without a fuzzer, too. Each function returns when its property holds
//! and panics when it does not. Where that is cheap, the function compares the result with that of another reader of
//! the same format, of the inverse function, or of the stricter profile.

#![expect(clippy::missing_panics_doc, reason = "a property that fails panics")]

mod client;
mod credentials;
mod grants;
mod locker;
mod orders;
mod passwords;
mod records;
mod scratch;
mod sealing;
mod sessions;
mod shell;
mod silence;
mod ssh;
mod store_files;
mod texts;
mod wire;
mod x509;

pub use client::{bundle_json, credentials_file, dotenv, service_answer};
pub use credentials::{credential_key, sps_configuration};
pub use grants::host_grant;
pub use locker::{locker_answer, locker_cipher, locker_request};
pub use orders::{order_machine, order_metadata};
pub use passwords::password_settings;
pub use records::{host_store, sealed_record};
pub use sealing::{fernet_key, fernet_token, key_file};
pub use sessions::session_machine;
pub use ssh::{authority_key, authorized_keys, public_key, revocation_list};
pub use store_files::{store_document, store_file};
pub use texts::{compatibility, configuration, metadata};
pub use wire::{wire_answer, wire_base64, wire_description, wire_input, wire_json};
pub use x509::{certificate_request, distinguished_name, issued_certificate};

/// A property of this crate.
pub type Property = fn(&[u8]);

/// The fuzz targets: the names of the folders under `fuzz/corpus`, and the properties of their
/// files.
pub const ALL: &[(&str, Property)] = &[
    ("compatibility", compatibility),
    ("metadata", metadata),
    ("configuration", configuration),
    ("fernet_token", fernet_token),
    ("fernet_key", fernet_key),
    ("key_file", key_file),
    ("store_document", store_document),
    ("store_file", store_file),
    ("password_settings", password_settings),
    ("sealed_record", sealed_record),
    ("host_store", host_store),
    ("host_grant", host_grant),
    ("locker_request", locker_request),
    ("locker_cipher", locker_cipher),
    ("locker_answer", locker_answer),
    ("wire_answer", wire_answer),
    ("wire_description", wire_description),
    ("wire_input", wire_input),
    ("wire_base64", wire_base64),
    ("wire_json", wire_json),
    ("authorized_keys", authorized_keys),
    ("public_key", public_key),
    ("revocation_list", revocation_list),
    ("authority_key", authority_key),
    ("dotenv", dotenv),
    ("bundle_json", bundle_json),
    ("credentials_file", credentials_file),
    ("service_answer", service_answer),
    ("certificate_request", certificate_request),
    ("issued_certificate", issued_certificate),
    ("distinguished_name", distinguished_name),
    ("order_metadata", order_metadata),
    ("order_machine", order_machine),
    ("credential_key", credential_key),
    ("sps_configuration", sps_configuration),
    ("session_machine", session_machine),
];

/// The public key of the golden vectors, with which the tokens of the corpus were made.
const PUBLISHED_KEY: &str = "jN0g7X4OFIsLLQ5jyYzKCZRtA-3dzJqDSf2jFN0pQZs=";

/// Another public key.
const ANOTHER_KEY: &str = "a2V5d2F5LWZ1enotYW5vdGhlci1rZXktMzItYnl0ZXM=";
