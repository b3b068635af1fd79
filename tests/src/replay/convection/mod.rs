//! Vectors of Convection: compatibility strings, metadata, secret stores, Fernet.

mod base;
mod call;
mod compat;
mod fernet;
mod lifecycle;
mod metadata;
mod model;
mod node;
mod path;
mod store_file;
mod subject;
mod version;

use super::{Family, Form, Scope};

/// The kinds of Convection's vectors.
pub(super) const FAMILY: Family = Family {
    name: "Convection",
    form: Form::OwnField,
    kinds: &[
        ("compat", Scope::Replayed(&compat::Compat)),
        ("version_cmp", Scope::Replayed(&version::Compare)),
        ("version_parse", Scope::Replayed(&version::Parse)),
        ("metadata", Scope::Replayed(&metadata::Metadata)),
        ("compat_check", Scope::Replayed(&metadata::CompatCheck)),
        ("lifecycle_generic", Scope::Replayed(&lifecycle::Lifecycle)),
        ("lifecycle_passdb", Scope::Replayed(&lifecycle::Lifecycle)),
        ("path", Scope::Replayed(&path::StorePath)),
        ("base", Scope::Replayed(&base::Base)),
        ("store_file", Scope::Replayed(&store_file::StoreFile)),
        ("fernet_encrypt", Scope::Replayed(&fernet::Encrypt)),
        ("fernet_decrypt", Scope::Replayed(&fernet::Decrypt)),
        ("fernet_key", Scope::Replayed(&fernet::FernetKey)),
        ("multifernet", Scope::Replayed(&fernet::Ring)),
        // These kinds test the server around the plugins.
        ("acl", Scope::OutOfScope),
        ("access_mode", Scope::OutOfScope),
        ("token_life", Scope::OutOfScope),
        ("manager", Scope::OutOfScope),
        ("keymap", Scope::OutOfScope),
        ("discovery", Scope::OutOfScope),
        ("version_merge", Scope::OutOfScope),
    ],
};

/// Returns upstream's error, if it is a name under `error`.
pub(super) fn upstream_error(expected: &serde_json::Value) -> Option<&str> {
    expected.get("error").and_then(serde_json::Value::as_str)
}
