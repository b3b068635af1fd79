//! Vectors of WaTTS: request and revoke plugins, their wire format, and the host that drives them.
//!
//! The real host is tolerant, and the lenient profile promises the same tolerance (decision W2). So each vector
//! of the kinds `request`, `revoke`, `parameter` and `race` is replayed in both profiles, and both results are compared
//! with the same observation. If the strict profile refuses more, a decision has to demand that.

mod base64;
mod encode;
mod fixture;
mod outcome;
mod parameter;
mod params_valid;
mod plugin_input;
mod profiles;
mod race;
mod request;
mod revoke;
mod script;
mod session;
mod store;
mod user_id;
mod wire;

use super::{Family, Form, Scope};

/// The kinds of the vectors of WaTTS.
pub(super) const FAMILY: Family = Family {
    name: "WaTTS",
    form: Form::BeginningOfId,
    kinds: &[
        ("request", Scope::Replayed(&request::Request)),
        ("revoke", Scope::Replayed(&revoke::Revoke)),
        ("parameter", Scope::Replayed(&parameter::Parameter)),
        ("params_valid", Scope::Replayed(&params_valid::ParamsValid)),
        ("userid", Scope::Replayed(&user_id::Id)),
        ("encode", Scope::Replayed(&encode::Encode)),
        ("wire", Scope::Replayed(&wire::Wire)),
        ("store", Scope::Replayed(&store::Store)),
        ("race", Scope::Replayed(&race::Race)),
        ("base64", Scope::Replayed(&base64::Base64)),
        ("plugin_input", Scope::Replayed(&plugin_input::PluginInput)),
        // The claims of a login belong to the host around the plugins.
        ("user_info", Scope::OutOfScope),
    ],
};
