//! Vectors of SPS: the SDK of credential-store plugins.

mod accounts;
mod add_cookies;
mod assets;
mod auth_before_call;
mod connection;
mod connection_alias;
mod key_type;
mod launch_info;
pub mod session;

use super::{Family, Form, Scope};

/// The kinds of the vectors of SPS.
pub(super) const FAMILY: Family = Family {
    name: "SPS",
    form: Form::OwnField,
    kinds: &[
        ("session", Scope::Replayed(&session::Sessions)),
        ("assets", Scope::Replayed(&assets::Assets)),
        ("accounts", Scope::Replayed(&accounts::Accounts)),
        ("key_type", Scope::Replayed(&key_type::Type)),
        ("add_cookies", Scope::Replayed(&add_cookies::AddCookies)),
        ("launch_info", Scope::Replayed(&launch_info::LaunchInfo)),
        ("connection_alias", Scope::Replayed(&connection_alias::Alias)),
        ("auth_before_call", Scope::Replayed(&auth_before_call::BeforeCall)),
        // These kinds test the services of the appliance.
        ("config", Scope::OutOfScope),
        ("credential_store", Scope::OutOfScope),
        ("user_list", Scope::OutOfScope),
        ("memory_cache", Scope::OutOfScope),
        ("lockfile", Scope::OutOfScope),
        ("proxy", Scope::OutOfScope),
        ("log_level", Scope::OutOfScope),
        ("endpoint", Scope::OutOfScope),
        ("tls_session", Scope::OutOfScope),
        ("aa_response", Scope::OutOfScope),
        // These kinds test the language of the SDK, and its packages.
        ("exception_text", Scope::OutOfScope),
        ("property", Scope::OutOfScope),
        ("manifest", Scope::OutOfScope),
        ("manifest_suffix", Scope::OutOfScope),
        ("module_name", Scope::OutOfScope),
        ("zip_exclude", Scope::OutOfScope),
    ],
};
