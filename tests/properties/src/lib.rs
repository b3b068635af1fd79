//! What must hold for any bytes whatever, one function for each fuzz target.
//!
//! `cargo xtask fuzz` runs them on what a fuzzer invents, and the test `corpora` of this package on every file
//! under `fuzz/corpus`, so that these are tried without a fuzzer too. Each returns when the property holds and
//! panics when it does not. Where a second opinion can be had cheaply, it is asked: another reader of the
//! same format, the way back, the stricter profile.

#![expect(clippy::missing_panics_doc, reason = "panicking is how they say no")]

mod client;
mod grants;
mod passwords;
mod records;
mod scratch;
mod sealing;
mod shell;
mod silence;
mod ssh;
mod store_files;
mod texts;
mod wire;

pub use client::{bundle_json, credentials_file, dotenv, service_answer};
pub use grants::host_grant;
pub use passwords::password_settings;
pub use records::{host_store, sealed_record};
pub use sealing::{fernet_key, fernet_token, key_file};
pub use ssh::{authority_key, authorized_keys, public_key, revocation_list};
pub use store_files::{store_document, store_file};
pub use texts::{compatibility, configuration, metadata};
pub use wire::{wire_answer, wire_base64, wire_description, wire_input, wire_json};

/// A function of this module.
pub type Property = fn(&[u8]);

/// The fuzz targets: the names of the folders under `fuzz/corpus`, and what must hold for what is in them.
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
];

/// The key of the golden vectors that the tokens of the corpus were made with. Everybody knows it.
const PUBLISHED_KEY: &str = "jN0g7X4OFIsLLQ5jyYzKCZRtA-3dzJqDSf2jFN0pQZs=";

/// Another key that everybody knows.
const ANOTHER_KEY: &str = "a2V5d2F5LWZ1enotYW5vdGhlci1rZXktMzItYnl0ZXM=";
