//! Vectors of Convection: compatibility strings, metadata, secret stores, Fernet.

mod compat;
mod version;

use super::{Family, Form, Scope};

/// The family.
pub(super) const FAMILY: Family = Family {
    name: "Convection",
    form: Form::OwnField,
    kinds: &[
        ("compat", Scope::Replayed(&compat::Compat)),
        ("version_cmp", Scope::Replayed(&version::Compare)),
        ("version_parse", Scope::Replayed(&version::Parse)),
        // The server around the plugins.
        ("acl", Scope::OutOfScope),
        ("access_mode", Scope::OutOfScope),
        ("token_life", Scope::OutOfScope),
        ("manager", Scope::OutOfScope),
        ("keymap", Scope::OutOfScope),
        ("discovery", Scope::OutOfScope),
        ("version_merge", Scope::OutOfScope),
    ],
};

/// What went wrong upstream, where it stands as a name under `error`.
pub(super) fn upstream_error(expected: &serde_json::Value) -> Option<&str> {
    expected.get("error").and_then(serde_json::Value::as_str)
}
